import json
import logging

import damage as d
import numpy as np
import pytest
from conftest import save_nifti

from monai_attn.data import find_cases, find_patients, require_cases, split_cases


def write(path, content) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))


def entry(name: str, **more) -> dict:
    return {"image": f"./imagesTr/{name}.nii.gz", "label": f"./labelsTr/{name}.nii.gz", **more}


@pytest.fixture
def files(tmp_path):
    d.touch(tmp_path, *(f"{folder}/{name}.nii.gz" for folder in ("imagesTr", "labelsTr") for name in "abc"))
    d.touch(tmp_path, "imagesTs/t.nii.gz")
    return tmp_path


@pytest.mark.parametrize("where", ["dataset.json", "datalist.json", "my list.json"])
def test_a_list_in_the_folder_or_by_itself(files, where):
    write(files / where, {"name": "x", "training": [entry("b", fold=1), entry("a", fold=0)]})
    cases = find_cases(files / where if " " in where else files, labelled=True)
    assert [(c["case"], c["fold"]) for c in cases] == [("a", 0), ("b", 1)]
    assert cases[0]["label"] == str(files / "labelsTr" / "a.nii.gz")


def test_labelled_images_that_are_not_listed_are_left_out_and_counted(files, caplog):
    write(files / "dataset.json", {"training": [entry("a")]})
    with caplog.at_level(logging.WARNING):
        assert len(find_cases(files, labelled=True)) == 1
    assert "2 image(s) beside" in caplog.text


def test_images_to_segment_come_from_all_lists_and_from_beside_them(files):
    write(files / "dataset.json", {"training": [entry("a")], "test": ["./imagesTs/t.nii.gz"]})
    cases = find_cases(files)
    assert [c["case"] for c in cases] == ["a", "b", "c", "t"]
    assert all("label" not in case for case in cases)


def test_entries_of_which_no_file_is_there_are_left_out_with_a_warning(files, caplog):
    write(files / "dataset.json", {"training": [entry("a"), entry("gone"), entry("gone too")]})
    with caplog.at_level(logging.WARNING):
        assert [c["case"] for c in find_cases(files, labelled=True)] == ["a"]
    assert "lists 2 case(s) of which no file is here" in caplog.text
    (files / "labelsTr" / "a.nii.gz").unlink()  # of a case that is half there, the check speaks
    with pytest.raises(FileNotFoundError, match=r"case 'a' lacks '.*labelsTr/a\.nii\.gz': add that file"):
        require_cases(find_cases(files, labelled=True), files, 1, 3, 2)


def test_nnunets_description_of_a_folder_is_no_list(files):
    write(files / "dataset.json", {"channel_names": {"0": "CT"}, "numTraining": 3, "file_ending": ".nii.gz"})
    assert len(find_cases(files, labelled=True)) == 3


def test_a_byte_order_mark_before_a_list_is_no_content(tmp_path):
    d.touch(tmp_path, "a.nii")
    (tmp_path / "dataset.json").write_text('{"training": [{"image": "a.nii"}]}', encoding="utf-8-sig")
    assert [case["case"] for case in find_cases(tmp_path, labelled=True)] == ["a"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", r"cannot be read as JSON"),
        ("[1]", r"is not a datalist"),
        ({"training": [{"label": "x"}]}, r"names no image"),
        ({"training": [{"image": 3}]}, r"names no image"),
        ({"training": [{"image": "a.nii", "label": 1}]}, r"whose label is not a path"),
        ({"training": {}, "validation": []}, r"has no list under 'training'"),
    ],
)
def test_what_is_not_a_list_is_named(tmp_path, content, message):
    write(tmp_path / "datalist.json", content)
    with pytest.raises(ValueError, match=rf"datalist\.json' {message}|datalist\.json' .*{message}"):
        find_cases(tmp_path, labelled=True)


def test_folds_come_from_the_list_and_cases_without_one_are_always_for_training(files):
    write(files / "datalist.json", {"training": [entry("a", fold=0), entry("b", fold=1), entry("c")]})
    training, validation = split_cases(find_cases(files, labelled=True), files, fold=1)
    assert [c["case"] for c in training] == ["a", "c"]
    assert [c["case"] for c in validation] == ["b"]
    with pytest.raises(ValueError, match="use one of 0, 1"):
        split_cases(find_cases(files, labelled=True), files, fold=3)


def test_a_list_of_validation_cases_is_fold_0(files):
    write(files / "datalist.json", {"training": [entry("a"), entry("b")], "validation": [entry("c")]})
    assert [c["case"] for c in split_cases(find_cases(files, labelled=True), files)[1]] == ["c"]


def test_nnunets_numbers_are_channels_where_the_label_has_none(tmp_path):
    names = ("a_0000", "a_0001", "b_0000", "b_0001", "c_0000")
    d.touch(tmp_path, *(f"imagesTr/{name}.nii.gz" for name in names), *(f"labelsTr/{k}.nii.gz" for k in "abc"))
    cases = find_cases(tmp_path, labelled=True, in_channels=2)
    assert [c["case"] for c in cases] == ["a", "b", "c"]
    assert cases[1]["image"] == [str(tmp_path / "imagesTr" / f"b_000{k}.nii.gz") for k in (0, 1)]
    with pytest.raises(FileNotFoundError, match=r"case 'c' lacks '.*c_0001\.nii\.gz': add that file"):
        require_cases(cases, tmp_path, 2, 3, 2)
    assert [c["case"] for c in find_cases(tmp_path, in_channels=2)] == ["a", "b", "c"]
    assert [c["case"] for c in find_cases(tmp_path)] == list(names)  # for a network of one channel, each by itself


def test_numbers_at_the_end_of_a_name_are_no_channels_where_the_label_has_them_too(tmp_path):
    d.touch(tmp_path, *(f"{folder}/scan_000{k}.nii" for folder in ("images", "labels") for k in (1, 2)))
    assert [c["case"] for c in find_cases(tmp_path, labelled=True)] == ["scan_0001", "scan_0002"]


def test_nnunets_single_channel_is_one_file(tmp_path):
    d.touch(tmp_path, "imagesTr/a_0000.nii.gz", "labelsTr/a.nii.gz")
    (case,) = find_cases(tmp_path, labelled=True)
    assert (case["case"], case["image"]) == ("a", str(tmp_path / "imagesTr" / "a_0000.nii.gz"))


def test_channels_must_lie_on_one_grid(tmp_path):
    save_nifti(tmp_path / "a_0000.nii.gz", d.VOLUME)
    save_nifti(tmp_path / "a_0001.nii.gz", d.VOLUME[:-1])
    with pytest.raises(
        ValueError,
        match=r"a_0001\.nii\.gz' has shape \(3, 5, 6\), but the first channel '.*a_0000\.nii\.gz' \(4, 5, 6\)",
    ):
        require_cases(find_cases(tmp_path, in_channels=2), tmp_path, 2, 3)
    save_nifti(tmp_path / "a_0001.nii.gz", d.VOLUME, np.diag([1, 1, 1, 1]) + np.eye(4, k=3) * 9)
    with pytest.raises(ValueError, match=r"a_0001\.nii\.gz' lies elsewhere than .*\(up to 9 mm apart"):
        require_cases(find_cases(tmp_path, in_channels=2), tmp_path, 2, 3)


def test_four_real_contrasts_a_patient_by_a_list(shared_data, tmp_path):
    root, contrasts = shared_data / "OpenMS_4ch", ("FLAIR", "T1", "T1POST", "T2")
    entries = [
        {
            "image": [str(root / "images" / f"{patient}_{contrast}.nii.gz") for contrast in contrasts],
            "label": str(root / "labels" / f"{patient}.nii.gz"),
        }
        for patient in ("patient26", "patient07", "patient19")
    ]
    write(tmp_path / "list.json", {"training": entries})
    cases = find_cases(tmp_path / "list.json", labelled=True, in_channels=4)
    assert [c["case"] for c in cases] == ["patient07", "patient19", "patient26"]
    require_cases(cases, tmp_path, 4, 3, 2)
    with pytest.raises(ValueError, match=r"\(4 files\) has 4 channels, but the network takes 1"):
        require_cases(cases, tmp_path, 1, 3, 2)
    by_name = find_cases(root, labelled=True)
    assert [case["image"] for case in by_name] == [case["image"] for case in cases]


CASES = [{"case": f"p{k // 2}_visit{k % 2}", "image": f"{k}.nii"} for k in range(12)]


def held_back(fold, folder, **options) -> set[str]:
    return {case["case"] for case in split_cases(CASES, folder, fold, **options)[1]}


@pytest.mark.parametrize("source", ["column", "regex", "field"])
def test_patients_stay_together(tmp_path, source, caplog):
    cases, options = CASES, {}
    if source == "column":
        rows = "".join(f"{case['case']},{case['case'][:2]}\n" for case in CASES)
        write(tmp_path / "cases.csv", "id,patient\n" + rows)
    elif source == "regex":
        options = {"patient_regex": r"^(p\d+)_"}
    else:
        cases = [{**case, "patient": case["case"][:2]} for case in CASES]
    with caplog.at_level(logging.WARNING):
        for fold in range(5):
            training, validation = split_cases(cases, tmp_path, fold, **options)
            assert not {c["case"][:2] for c in training} & {c["case"][:2] for c in validation}
    assert "split by patient" in caplog.text


def test_nobody_guesses_patients(tmp_path):
    assert find_patients(CASES, tmp_path) is None
    write(tmp_path / "cases.csv", "id,scan\np0_visit0,1\n")
    assert find_patients(CASES, tmp_path) is None  # no column of that name
    with pytest.raises(ValueError, match=r"case 'p0_visit1' has no patient in column 'scan' .*missing: 11"):
        find_patients(CASES, tmp_path, column="scan")


@pytest.mark.parametrize(
    ("regex", "message"), [("(", "is not a regular expression"), ("^q", "does not match case 'p0_visit0'")]
)
def test_a_pattern_that_does_not_work_is_named(tmp_path, regex, message):
    with pytest.raises(ValueError, match=message):
        find_patients(CASES, tmp_path, regex=regex)


def test_a_patient_on_both_sides_is_an_error(tmp_path):
    write(tmp_path / "folds.json", {"validation": {"0": ["p0_visit0"]}})
    assert held_back(0, tmp_path) == {"p0_visit0"}
    with pytest.raises(ValueError, match=r"patient 'p0' is in training and in validation of fold=0"):
        held_back(0, tmp_path, patient_regex="^p.")
