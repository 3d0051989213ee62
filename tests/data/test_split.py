import json
import logging
import re

import pytest

from monai_attn.data import find_cases, split_cases, validation_cases

CASES = [{"case": f"c{i}", "image": f"c{i}.nii"} for i in range(10)]


def names(cases):
    return {case["case"] for case in cases}


def write_folds(folder, content) -> None:
    (folder / "folds.json").write_text(content if isinstance(content, str) else json.dumps(content))


def test_folds_of_the_data_set_are_used(tmp_path):
    write_folds(tmp_path, {"note": "by patient", "validation": {"0": ["c1", "c4", "absent"], "1": ["c0"]}})
    training, validation = split_cases(CASES, tmp_path, fold=0)
    assert names(validation) == {"c1", "c4"}
    assert names(training) == names(CASES) - {"c1", "c4"}


def test_without_folds_every_case_is_held_back_once_and_order_does_not_matter(tmp_path, caplog):
    with caplog.at_level(logging.WARNING):
        held_back = [names(split_cases(CASES, tmp_path, fold=k)[1]) for k in range(5)]
    assert "not by patient" in caplog.text
    assert sorted(name for fold in held_back for name in fold) == sorted(names(CASES))
    assert names(split_cases(CASES[::-1], tmp_path, fold=3)[1]) == held_back[3]
    assert names(split_cases(CASES, tmp_path, fold=0, seed=1)[1]) != held_back[0]


@pytest.mark.parametrize("fold", [7, "x"])
def test_an_unknown_fold_is_named_with_the_known_ones(tmp_path, fold):
    write_folds(tmp_path, {"validation": {"0": ["c1"], "1": ["c2"]}})
    with pytest.raises(ValueError, match=rf"fold={fold!r} .*use one of 0, 1"):
        split_cases(CASES, tmp_path, fold=fold)


@pytest.mark.parametrize("content", ["[1, 2]", "no json", {"training": {}}, {"validation": ["a"]}])
def test_an_unreadable_folds_file_is_named(tmp_path, content):
    write_folds(tmp_path, content)
    with pytest.raises(ValueError, match=r"folds\.json' is not a list of folds"):
        split_cases(CASES, tmp_path)


def test_a_byte_order_mark_before_the_folds_is_no_content(tmp_path):
    (tmp_path / "folds.json").write_text('{"validation": {"0": ["c1"]}}', encoding="utf-8-sig")
    assert names(split_cases(CASES, tmp_path)[1]) == {"c1"}


@pytest.mark.parametrize(
    "text",
    [
        "\ufeffid,patient\n{}",  # Excel's CSV UTF-8
        "\ufeffid;patient\r\n{}",  # where numbers have a decimal comma
        "id\tpatient\n{}",
        "id, patient\n{}",
        '"id","patient"\n{}',
        "site,id,patient,\n{}",
    ],
)
def test_patients_are_found_in_a_table_however_it_was_saved(tmp_path, text):
    header = text.partition("\n")[0]
    delimiter = max(",;\t", key=header.count)
    first = [f"x{delimiter}"] if header.startswith("site") else [""]
    rows = "\n".join(f"{first[0]}{case['case']}{delimiter}p{n // 2}" for n, case in enumerate(CASES))
    (tmp_path / "cases.csv").write_bytes(text.format(rows).encode())
    for fold in range(5):
        training, validation = (names(side) for side in split_cases(CASES, tmp_path, fold=fold))
        assert {int(name[1:]) // 2 for name in training}.isdisjoint(int(name[1:]) // 2 for name in validation)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("c3,p3", "c3,Smith, John"), r"has 3 cells in line 5, but 2 in its header: remove a ','"),
        (("c3,p3", "c3,,p3"), r"has 3 cells in line 5, but 2 in its header: remove a ',', or put quotes around"),
        (("c3,p3", "c4,p3"), r"has case 'c4' under 'p3' and 'p4': correct one"),
        (("c3,p3", "c3"), r"case 'c3' has no patient in column 'patient' of '.*cases\.csv': add it there"),
        (("c0,p0", f'c0,"{"x" * 150_000}'), r"cannot be read at line 2 \(field larger .*\): is a quote missing\?"),
        (("c3,p3", "c3,Müller"), r"is not UTF-8 \(.*\): save it as CSV UTF-8"),
    ],
)
def test_a_table_that_cannot_be_relied_on_is_named_with_line_and_cure(tmp_path, change, message):
    text = "id,patient\n" + "".join(f"{case['case']},p{n}\n" for n, case in enumerate(CASES))
    (tmp_path / "cases.csv").write_bytes(text.replace(*change).encode("cp1252"))
    with pytest.raises(ValueError, match=message):
        split_cases(CASES, tmp_path)
    (tmp_path / "cases.csv").write_text(text.replace("p3", "p3,,"))  # as spreadsheets end their lines
    assert len(split_cases(CASES, tmp_path)[1]) == 2


def test_a_table_that_names_no_patients_may_hold_anything(tmp_path):
    (tmp_path / "cases.csv").write_text("id,note\nc0,one, two\n")
    assert len(split_cases(CASES, tmp_path)[1]) == 2


@pytest.mark.parametrize(
    ("table", "why"),
    [
        (None, "no cases.csv, no field 'patient' in a datalist: add one or pass `patient_regex`"),
        (
            "id,age\nc0,7\n",
            r"'.*cases\.csv' has no column 'patient': add it, pass `patient_column` or pass `patient_re",
        ),
        ("name,age\n", r"'.*cases\.csv' has no column 'id' and 'patient': add it, pass"),
    ],
)
def test_that_patients_are_not_known_is_said_where_cases_are_split_and_only_there(tmp_path, caplog, table, why):
    if table is not None:
        (tmp_path / "cases.csv").write_text(table)
    write_folds(tmp_path, {"validation": {"0": ["c1"]}})
    split_cases(CASES, tmp_path)
    assert re.search(rf"whether a patient is on both sides was not checked \({why}", caplog.text)
    caplog.clear()
    split_cases(CASES, tmp_path, patient_regex=r"c\d")
    assert caplog.text == ""


@pytest.mark.parametrize("regex", ["(x)?", "x*", "d"])
def test_a_pattern_that_finds_nothing_in_a_name_is_refused(tmp_path, regex):
    with pytest.raises(ValueError, match=r"patient_regex=.* does not match case 'c0': write one that fits all"):
        split_cases(CASES, tmp_path, patient_regex=regex)


def test_a_patient_that_a_datalist_leaves_open_is_none_of_a_name(tmp_path):
    cases = [{**case, "patient": None if n == 4 else f"p{n}"} for n, case in enumerate(CASES)]
    with pytest.raises(ValueError, match=r"case 'c4' has no patient in field 'patient' of the datalist"):
        split_cases(cases, tmp_path)


def test_an_empty_side_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"leaves [01] case\(s\) for training and [01] for validation"):
        split_cases(CASES[:1], tmp_path)


def test_no_cases_are_left_to_the_check(tmp_path):
    assert split_cases([], tmp_path) == ([], [])


def test_evaluation_takes_all_cases_or_one_fold(tmp_path):
    write_folds(tmp_path, {"validation": {"0": ["c1"]}})
    assert names(validation_cases(CASES, tmp_path, fold=0)) == {"c1"}
    assert validation_cases(CASES, tmp_path) == CASES


def test_both_sides_of_a_real_scan_stay_together(shared_data):
    root = shared_data / "Task04_Hippocampus"
    rows = (root / "cases.csv").read_text().split()[1:]
    scan = dict(row.split(",") for row in rows)
    training, validation = split_cases(find_cases(root, labelled=True), root, fold=0)
    assert (len(training), len(validation)) == (137, 35)
    assert not {scan[c] for c in names(training)} & {scan[c] for c in names(validation)}
