"""Names of files that are not UTF-8, as from an old disk or archive: escaped wherever they are printed or written."""

import csv
import json
import os

import damage as d
import pytest
from conftest import save_nifti

from monai_attn._shown_names import list_names, printable
from monai_attn.data import check, find_cases, find_patients, split_cases

ODD = [b"caf\xe9", b"\xff\xfe b \xc3\xa9", b"\xed\xb3\xa9"]  # Latin-1, two encodings in one name, half a surrogate


@pytest.fixture(params=ODD, ids=repr)
def odd(tmp_path, request):
    """A data set of four cases, of which the last is called so, and its name in Python."""
    root = d.dataset(tmp_path / "data", count=4)
    for folder in ("images", "labels"):
        try:
            os.rename(root / folder / "case_3.nii.gz", os.fsencode(f"{root / folder}/") + request.param + b".nii.gz")
        except OSError as error:
            pytest.skip(f"this system does not take such names: {error}")
    return root, os.fsdecode(request.param)


def test_a_report_can_be_printed_and_read_back(odd):
    root, name = odd
    save_nifti(root / "labels" / f"{name}.nii.gz", d.arrays(0)[1] * 0)  # so that there is a message, too
    report = check(root, progress=False)
    assert [case.case for case in report.cases] == sorted(["case_0", "case_1", "case_2", name])
    assert printable(name) in report.table().encode().decode()
    content = json.loads(report.to_json().encode())
    assert [case["case"] for case in content["cases"]] == [case.case for case in report.cases]
    assert os.path.isfile(content["cases"][-1]["image"][0])


def test_the_command_ends_well_on_a_strict_terminal(odd, command, monkeypatch):
    root, name = odd
    monkeypatch.setenv("PYTHONIOENCODING", "utf-8:strict")
    done = command("monai_attn", "check", str(root))
    assert (done.returncode, done.stderr) == (0, "")
    assert printable(name) in done.stdout


@pytest.mark.parametrize("written", [str, printable])
def test_names_that_were_written_are_found_again(odd, written):
    root, name = odd
    cases = find_cases(root, labelled=True)
    d.write_folds(root, fold0=[written(name)])  # as JSON, whose escape is half a surrogate pair
    assert [case["case"] for case in split_cases(cases, root)[1]] == [name]
    assert check(root, progress=False).status == 0
    with (root / "cases.csv").open("w", encoding="utf-8", newline="") as file:
        rows = [["id", "patient"], *([printable(case["case"]), f"p{k}"] for k, case in enumerate(cases))]
        csv.writer(file).writerows(rows)
    assert find_patients(cases, root) == {case["case"]: f"p{k}" for k, case in enumerate(cases)}


def test_lists_of_names_keep_to_a_line():
    names = [f"a_rather_long_name_{k}" for k in range(99)]
    shown = list_names(names)
    assert shown.startswith("'a_rather_long_name_0', 'a_rather_long_name_1', ")
    assert shown.endswith(", ...")
    assert len(shown) < 70
    assert list_names(names[:2]) == "'a_rather_long_name_0', 'a_rather_long_name_1'"
    assert list_names(["x" * 300, "y"]) == f"'{'x' * 300}', ..."
    assert list_names([]) == ""
