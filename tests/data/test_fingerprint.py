import json

import nibabel as nib
import numpy as np
import pytest

from monai_attn.data import check, measure
from tests.conftest import save_nifti


def make(root, spacing=(1.0, 2.0, 3.0), values=100.0, shape=(12, 10, 8), count=3, axes=(0, 1, 2), **content):
    """Cases with one box of class 1, 4 x 4 x 4 voxels, brighter than the rest."""
    rng = np.random.default_rng(0)
    affine = np.zeros((4, 4))
    affine[3, 3] = 1
    for column, row in enumerate(axes):
        affine[row, column] = spacing[column]
    for index in range(count):
        label = np.zeros(shape, np.uint8)
        label[4:8, 4:8, 2:6] = 1
        image = values * label + rng.normal(0, 1, shape)
        save_nifti(root / "imagesTr" / f"c{index}.nii.gz", image.astype(np.float32), affine)
        save_nifti(root / "labelsTr" / f"c{index}.nii.gz", label, affine)
    if content:
        (root / "dataset.json").write_text(json.dumps(content))
    return root


def test_numbers_of_a_data_set(tmp_path):
    print_ = measure(check(make(tmp_path), progress=False))
    assert (print_.spatial_dims, print_.num_cases, print_.in_channels) == (3, 3, 1)
    assert print_.spacing_mm == pytest.approx((1, 2, 3))
    assert (print_.shape, print_.extent_mm) == ((12, 10, 8), pytest.approx((12, 20, 24)))
    assert print_.class_volumes_mm3 == pytest.approx([64 * 6])
    mean, deviation, low, high = print_.foreground
    assert mean == pytest.approx(100, abs=1)
    assert deviation == pytest.approx(1, abs=0.3)
    assert low < mean < high
    # six times volume over surface of a box of 4 x 8 x 12 mm
    assert print_.thickness_mm == pytest.approx([6 * 384 / (2 * (32 + 48 + 96))])


@pytest.mark.parametrize("scale", [4.2e-4, 1.23e-7, 3e5])
def test_no_scale_is_too_small_or_too_large(tmp_path, scale):
    report = check(make(tmp_path, spacing=(scale, 2 * scale, 3 * scale), values=1.0), progress=False)
    assert not report.errors
    assert "x".join(f"{k * scale:.4g}" for k in (1, 2, 3)) in report.table()
    print_ = measure(report)
    assert print_.spacing_mm == print_.fine_spacing_mm == pytest.approx([scale, 2 * scale, 3 * scale], rel=1e-4)
    assert print_.extent_mm == pytest.approx([12 * scale, 20 * scale, 24 * scale], rel=1e-4)
    for path in (tmp_path / "imagesTr").iterdir():
        image = nib.load(path)
        save_nifti(path, (np.asarray(image.dataobj) * scale).astype(np.float32), image.affine)
    mean, deviation, low, high = measure(check(tmp_path, progress=False)).foreground
    assert deviation == pytest.approx(print_.foreground[1] * scale, rel=1e-2)
    assert low < mean < high


def test_axes_are_those_of_images_turned_to_ras(tmp_path):
    print_ = measure(check(make(tmp_path, axes=(2, 0, 1)), progress=False))
    assert print_.spacing_mm == pytest.approx((2, 3, 1))
    assert print_.shape == (10, 8, 12)


def test_names_and_modality_come_from_the_data_set(tmp_path):
    root = make(tmp_path, labels={"0": "background", "1": "RightKidney"}, modality={"0": "CT"})
    print_ = measure(check(root, progress=False))
    assert (print_.class_names, print_.named, print_.modality) == (("right_kidney",), True, "CT")


def test_air_below_zero_is_ct_and_a_given_modality_counts_more(tmp_path):
    root = make(tmp_path)
    assert measure(check(root, progress=False)).modality == "MR"
    for path in (root / "imagesTr").iterdir():
        image = nib.load(path)
        save_nifti(path, np.asarray(image.dataobj) - 1000, image.affine)
    report = check(root, progress=False)
    assert measure(report).modality == "CT"
    assert measure(report, "mr").modality == "MR"
    with pytest.raises(ValueError, match=r"modality='PET'.*CT or MR"):
        measure(report, "PET")


def test_slices_are_two_dimensional(tmp_path):
    root = tmp_path
    for index in range(2):
        label = np.zeros((16, 12, 1), np.uint8)
        label[4:8, 4:8] = 1
        image = label * 10 + np.random.default_rng(index).normal(size=label.shape)
        save_nifti(root / "images" / f"{index}.nii.gz", image.astype(np.float32))
        save_nifti(root / "labels" / f"{index}.nii.gz", label)
    print_ = measure(check(root, progress=False))
    assert (print_.spatial_dims, print_.shape) == (2, (16, 12))


def test_a_data_set_with_errors_is_refused_with_the_first(tmp_path):
    root = make(tmp_path)
    (root / "labelsTr" / "c1.nii.gz").unlink()
    with pytest.raises(ValueError, match=r"c1\.nii\.gz' has no label: add"):
        measure(check(root, progress=False))


@pytest.mark.parametrize(
    ("channels", "modality"),
    [
        (["CT"], "CT"),
        (["CTA"], "CT"),
        (["CT_venous"], "CT"),
        (["CBCT"], "CT"),
        (["MRI"], "MR"),
        (["T1", "FLAIR"], "MR"),
        (["CT", "PET"], "other"),
        (["octopus"], "MR"),  # a name that says nothing: the values decide
    ],
)
def test_modalities_by_name(tmp_path, channels, modality):
    root = make(tmp_path, channel_names={str(k): name for k, name in enumerate(channels)})
    assert measure(check(root, progress=False)).modality == modality


def test_every_class_has_a_name_of_its_own(tmp_path):
    labels = {"background": 0, "Left Kidney": 1, "left_kidney": 2, "\u809d\u81d3": 3, "--": 4}
    names = measure(check(make(tmp_path, labels=labels), progress=False)).class_names
    assert names == ("left_kidney", "left_kidney_2", "\u809d\u81d3", "class_4")


def test_an_ignore_label_is_refused(tmp_path):
    root = make(tmp_path, labels={"background": 0, "liver": 1, "ignore": 2})
    with pytest.raises(ValueError, match=r"label 2 .* is 'ignore'.*dataset\.json"):
        measure(check(root, progress=False))
