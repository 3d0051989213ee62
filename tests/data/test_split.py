import json
import logging

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


def test_a_table_with_cells_too_many_or_other_letters_is_named(tmp_path):
    rows = "".join(f"{case['case']},p{n},note\n" for n, case in enumerate(CASES))
    (tmp_path / "cases.csv").write_text(f"id,patient\n{rows}")
    assert len(split_cases(CASES, tmp_path)[1]) == 2
    (tmp_path / "cases.csv").write_bytes("id,patient\nc0,Müller\n".encode("cp1252"))
    with pytest.raises(ValueError, match=r"cases\.csv' is not UTF-8 \(.*\): save it as CSV UTF-8"):
        split_cases(CASES, tmp_path)


def test_an_empty_side_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"leaves [01] case\(s\) for training and [01] for validation"):
        split_cases(CASES[:1], tmp_path)


def test_no_cases_are_left_to_the_check(tmp_path):
    assert split_cases([], tmp_path) == ([], [])


def test_evaluation_takes_all_cases_or_one_fold_and_warns_of_training_cases(tmp_path, caplog):
    write_folds(tmp_path, {"validation": {"0": ["c1"]}})
    assert names(validation_cases(CASES, tmp_path, fold=0)) == {"c1"}
    assert caplog.text == ""
    assert validation_cases(CASES, tmp_path) == CASES
    assert "may have been trained on; `fold` 0 keeps to" in caplog.text


def test_both_sides_of_a_real_scan_stay_together(shared_data):
    root = shared_data / "Task04_Hippocampus"
    rows = (root / "cases.csv").read_text().split()[1:]
    scan = dict(row.split(",") for row in rows)
    training, validation = split_cases(find_cases(root, labelled=True), root, fold=0)
    assert (len(training), len(validation)) == (137, 35)
    assert not {scan[c] for c in names(training)} & {scan[c] for c in names(validation)}
