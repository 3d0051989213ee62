import gzip
from pathlib import Path

import damage as d
import nibabel as nib
import numpy as np
import pytest
from conftest import save_nifti

from monai_attn.data import InputNameLayout, case_name, find_cases, require_cases


def check(root: Path, labelled: bool = False) -> None:
    require_cases(find_cases(root, labelled), root, 1, spatial_dims=3, num_classes=3 if labelled else None)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("a/b.nii.gz", "b"),
        ("b.NII", "b"),
        ("scan.1.nii.gz", "scan.1"),
        ("x.nrrd", "x"),
        ("x.1.MGZ", "x.1"),
        ("x.png", "x.png"),
    ],
)
def test_case_name(path, name):
    assert case_name(path) == name


@pytest.mark.parametrize(("images", "labels"), [("imagesTr", "labelsTr"), ("images", "labels")])
def test_pairs_by_name_not_by_order(tmp_path, images, labels):
    d.touch(
        tmp_path, f"{images}/b.nii.gz", f"{images}/a.nii", f"{images}/c.nii.gz", f"{images}/._a.nii", f"{images}/x.txt"
    )
    d.touch(tmp_path, f"{labels}/c.nii", f"{labels}/a.nii.gz", f"{labels}/zz.nii.gz")
    cases = find_cases(tmp_path, labelled=True)
    assert [c["case"] for c in cases] == ["a", "b", "c"]
    assert [c.get("label") for c in cases] == [
        str(tmp_path / labels / "a.nii.gz"),
        None,
        str(tmp_path / labels / "c.nii"),
    ]


def test_images_alone_come_from_every_image_folder_the_folder_itself_or_one_file(tmp_path):
    d.touch(tmp_path, "imagesTs/d.nii.gz", "imagesTr/b.nii.gz", "loose [1] ü.nii.gz", "labelsTr/b.nii.gz")
    assert [c["case"] for c in find_cases(tmp_path)] == ["b", "d", "loose [1] ü"]
    assert [set(c) for c in find_cases(tmp_path)] == [{"case", "image"}] * 3
    assert [c["case"] for c in find_cases(tmp_path / "imagesTs" / "d.nii.gz")] == ["d"]


def test_images_alone_may_lie_in_a_folder_for_each_patient(tmp_path):
    for file in ("p1/scan.nii.gz", "p2/mri/scan.nii.gz", "p2/labels/scan.nii.gz", "labelsTs/x.nii", ".old/y.nii"):
        save_nifti(tmp_path / file, np.zeros((4, 4), np.float32))
    files = [str(tmp_path / file) for file in ("p1/scan.nii.gz", "p2/mri/scan.nii.gz")]
    assert [case["image"] for case in find_cases(tmp_path)] == files
    assert find_cases(tmp_path, labelled=True) == []
    save_nifti(tmp_path / "own.nii.gz", np.zeros((4, 4), np.float32))
    assert [case["case"] for case in find_cases(tmp_path)] == ["own"]  # images where they are looked for first


def test_a_link_to_nothing_is_a_case_that_is_named(tmp_path):
    save_nifti(tmp_path / "a.nii.gz", np.zeros((4, 4), np.float32))
    (tmp_path / "b.nii.gz").symlink_to(tmp_path / "not_fetched")
    cases = find_cases(tmp_path)
    assert [case["case"] for case in cases] == ["a", "b"]
    with pytest.raises((FileNotFoundError, ValueError), match=r"b\.nii\.gz"):
        require_cases(cases, tmp_path, in_channels=1, spatial_dims=2)


def test_a_datalist_may_have_nothing_but_images(tmp_path):
    save_nifti(tmp_path / "far" / "a.nii.gz", np.zeros((4, 4), np.float32))
    (tmp_path / "datalist.json").write_text('{"test": [{"image": "far/a.nii.gz", "case": "mine"}]}')
    assert [case["case"] for case in find_cases(tmp_path)] == ["mine"]
    assert find_cases(tmp_path, labelled=True) == []


def test_a_folder_called_like_a_number(tmp_path, monkeypatch):
    d.touch(tmp_path, "2024/a.nii")
    monkeypatch.chdir(tmp_path)
    assert [c["case"] for c in find_cases(2024)] == ["a"]


def test_nothing_there_is_no_case_and_the_check_says_why(tmp_path):
    assert find_cases(tmp_path / "missing") == find_cases(tmp_path) == find_cases(tmp_path, labelled=True) == []
    with pytest.raises(FileNotFoundError, match=r"missing' does not exist: set `dataset_dir` to a folder"):
        check(tmp_path / "missing")
    with pytest.raises(FileNotFoundError, match=r"holds no case .* imagesTr/ with labelsTr/"):
        check(tmp_path, labelled=True)


def test_good_cases_pass(make_dataset):
    check(make_dataset(), labelled=True)


def test_a_singleton_fourth_axis_is_one_channel(tmp_path):
    save_nifti(tmp_path / "a.nii", d.VOLUME[..., None])
    check(tmp_path)


def test_an_image_without_label(tmp_path, make_dataset):
    root = make_dataset()
    (root / "labelsTr" / "case_2.nii.gz").unlink()
    with pytest.raises(FileNotFoundError, match=r"case_2.nii.gz' has no label: add '.*labelsTr/case_2.nii.gz'"):
        check(root, labelled=True)


def test_two_files_of_one_name(tmp_path):
    save_nifti(tmp_path / "a.nii", d.VOLUME)
    save_nifti(tmp_path / "a.nii.gz", d.VOLUME)
    with pytest.raises(ValueError, match=r"case 'a' comes from two files.*rename or remove one"):
        check(tmp_path)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((4, 5, 6, 2), r"a\.nii' of shape .* has 2 channels, .* takes 1"),
        ((4, 5), r"a\.nii' of shape \(4, 5\) is not a 3D image"),
        ((4, 5, 6, 1, 1), r"a\.nii' of shape \(4, 5, 6, 1, 1\) has 5 axes, .*: convert it"),
    ],
)
def test_wrong_channels_or_rank(tmp_path, shape, message):
    save_nifti(tmp_path / "a.nii", np.zeros(shape, np.float32))
    with pytest.raises(ValueError, match=message):
        check(tmp_path)


@pytest.mark.parametrize(
    "content", [b"", b"<html></html>", gzip.compress(b"no NIfTI")[:12], gzip.compress(b"\0" * 400)]
)
def test_files_that_are_no_nifti_are_named(tmp_path, content):
    (tmp_path / "bad.nii.gz").write_bytes(content)
    with pytest.raises(ValueError, match=r"bad\.nii\.gz' cannot be read as NIfTI .*: replace the file"):
        check(tmp_path)


def test_a_file_cut_short_behind_a_good_header_is_named(make_dataset):
    root = make_dataset()
    path = root / "imagesTr" / "case_1.nii.gz"
    path.write_bytes(path.read_bytes()[:20000])
    with pytest.raises(ValueError, match=r"case_1\.nii\.gz' has damaged or missing voxels .*: replace the file"):
        check(root)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_voxels_that_are_no_numbers_are_refused(tmp_path, value):
    image = d.VOLUME.copy()
    image[1, 2, 3] = value
    save_nifti(tmp_path / "a.nii.gz", image)
    with pytest.raises(ValueError, match=r"a\.nii\.gz' has 1 voxel\(s\) that are NaN or infinite: replace them"):
        check(tmp_path)


def test_colours_are_refused(tmp_path):
    rgb = np.zeros((4, 5, 6), np.dtype([("R", "u1"), ("G", "u1"), ("B", "u1")]))
    save_nifti(tmp_path / "a.nii", rgb)
    with pytest.raises(ValueError, match=r"a\.nii' has voxels of type .* not numbers"):
        check(tmp_path)
    save_nifti(tmp_path / "images" / "b.nii", d.VOLUME)
    save_nifti(tmp_path / "labels" / "b.nii", rgb)
    with pytest.raises(ValueError, match=r"labels/b\.nii' has voxels of type .* not numbers"):
        check(tmp_path, labelled=True)


@pytest.mark.parametrize("column", [np.nan, 0.0])
def test_an_affine_that_is_no_place_is_refused(tmp_path, column):
    affine = np.eye(4)
    affine[:3, 1] = column
    image = nib.Nifti1Image(d.VOLUME, np.eye(4))
    image.header.set_sform(affine, code=1)  # past nibabel's own check
    nib.save(nib.Nifti1Image(d.VOLUME, None, image.header), tmp_path / "a.nii")
    with pytest.raises(ValueError, match=r"a\.nii' has the singular or non-finite affine .*: correct its header"):
        check(tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda label: label[:, :, :-1], r"case_2\.nii\.gz' has shape .* one channel on that grid"),
        (lambda label: np.stack([label, label], -1), r"case_2\.nii\.gz' has shape .* one channel on that grid"),
        (lambda label: label * 5, r"case_2\.nii\.gz' has the values \[5, 10\], but the classes are 0 to 2"),
        (lambda label: label.astype(np.int16) - 1, r"values \[-1\]"),
        (lambda label: label.astype(np.float32) / 2, r"values \[0.5\]"),
    ],
)
def test_labels_that_do_not_fit_are_named(make_dataset, change, message):
    root = make_dataset()
    path = root / "labelsTr" / "case_2.nii.gz"
    save_nifti(path, change(np.asarray(nib.load(path).dataobj)))
    with pytest.raises(ValueError, match=message):
        check(root, labelled=True)


def test_a_label_elsewhere_is_named_with_the_distance(make_dataset):
    root = make_dataset()
    path = root / "labelsTr" / "case_2.nii.gz"
    affine = np.eye(4)
    affine[0, 3] = 40
    save_nifti(path, np.asarray(nib.load(path).dataobj), affine)
    with pytest.raises(ValueError, match=r"case_2\.nii\.gz' lies elsewhere .*\(up to 40 mm apart.*\): resample it"):
        check(root, labelled=True)


def test_tiny_drift_of_the_affine_passes(tmp_path):
    save_nifti(tmp_path / "images" / "a.nii", d.VOLUME)
    save_nifti(tmp_path / "labels" / "a.nii", d.VOLUME.astype(np.uint8), np.eye(4) + np.diag([1e-4] * 3, k=1))
    check(tmp_path, labelled=True)


@pytest.mark.parametrize(
    ("source", "target"), [("in/a.nii", "a.nii"), ("in/b.c.nii.gz", "b.c.nii.gz"), ("in/d.nrrd", "d.nii.gz")]
)
def test_outputs_keep_their_inputs_names(tmp_path, source, target):
    assert InputNameLayout(tmp_path / "out").filename(tmp_path / source, idx=None) == tmp_path / "out" / target
    assert (tmp_path / "out").is_dir()


def test_outputs_never_replace_inputs(tmp_path):
    with pytest.raises(ValueError, match="use another folder"):
        InputNameLayout(tmp_path).filename(tmp_path / "a.nii")


def test_the_real_data_are_found_whole_and_fit(shared_data):
    sets = {"Task04_Hippocampus": (172, 3, 3), "HeadNeckCT": (54, 3, 6), "SunnybrookLV_2d": (526, 2, 2)}
    for name, (count, spatial_dims, num_classes) in sets.items():
        cases = find_cases(shared_data / name, labelled=True)
        assert len(cases) == count
        require_cases(cases, shared_data / name, 1, spatial_dims, num_classes)
