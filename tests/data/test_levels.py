"""CT that lost its intercept, in some cases or in all, is seen."""

import shutil
from dataclasses import replace

import nibabel as nib
import numpy as np
import pytest

from monai_attn.data import CaseFacts, check
from monai_attn.data.checks._across_cases import find_odd_levels
from tests.conftest import SHIPPED, save_nifti


def case(index: int, low: float, inside: float = 50.0) -> CaseFacts:
    foreground = (inside, 20.0, inside - 60, inside + 60)
    return CaseFacts(f"c{index}", [f"c{index}.nii"], percentiles=[(low, 0.0, low + 2000)], foreground=foreground)


@pytest.mark.parametrize(
    ("cases", "named"),
    [
        ([(-1000, 50), (-1000, 60), (24, 1074), (24, 1090)], ["c2", "c3"]),
        ([(0, 1070), (-1020, 50)], ["c0"]),
        ([(-1000, 50), (-1000, 40), (-2024, -980)], ["c2"]),
        ([(-1000, 50), (-1000, 40), (-500, 560)], ["c2"]),
        ([(-1000, 50), (-150, 40), (-100, 90)], []),  # cropped inside the body
        ([(-1000, 50), (-1024, -700), (-3024, 40)], []),
        ([(0, 100), (0, 1200), (5, 4000)], []),  # MR
    ],
)
def test_shifted_cases_are_named(cases, named):
    findings = list(find_odd_levels([case(k, *values) for k, values in enumerate(cases)]))
    assert [finding.case for finding in findings] == named
    assert all("often 1024 off" in finding.text for finding in findings)


def test_without_labels_the_medians_are_compared():
    cases = [
        replace(case(k, low), percentiles=[(low, low + 1000, 0)], foreground=()) for k, low in enumerate((-1000, 24))
    ]
    (finding,) = find_odd_levels(cases)
    assert finding.case == "c1"
    assert "values in the middle that lie about 1024 above" in finding.text


def test_where_hu_are_expected_a_whole_set_without_air_is_told():
    assert not list(find_odd_levels([case(0, 24, 1074)]))
    (finding,) = find_odd_levels([case(0, 24, 1074)], is_ct=True)
    assert finding.case == ""
    assert "no image has values below -200" in finding.text
    assert not list(find_odd_levels([case(0, -1000)], is_ct=True))
    assert not list(find_odd_levels([], is_ct=True))


def test_half_of_a_real_data_set_1024_higher(shared_data, tmp_path):
    source = shared_data / "HeadNeckCT"
    names = sorted(path.name for path in (source / "imagesTr").iterdir())[:6]
    for k, name in enumerate(names):
        image = nib.load(source / "imagesTr" / name)
        save_nifti(tmp_path / "imagesTr" / name, np.asarray(image.dataobj) + 1024 * (k % 2), image.affine)
        (tmp_path / "labelsTr").mkdir(exist_ok=True)
        shutil.copy(source / "labelsTr" / name, tmp_path / "labelsTr")
    findings = [finding for finding in check(tmp_path, progress=False).findings if "often 1024 off" in finding.text]
    assert [finding.case for finding in findings] == [name.removesuffix(".nii.gz") for name in names[1::2]]


def test_the_real_ct_have_no_such_finding(shared_data):
    assert not [f for f in check(shared_data / "HeadNeckCT", progress=False).findings if "HU" in f.text]


def test_a_bundle_for_ct_expects_air(make_dataset, capfd, tmp_path):
    headneck = next(bundle for bundle in SHIPPED if "headneck" in bundle.name)
    root = make_dataset(num_classes=headneck.num_classes)
    options = {"max_epochs": 1, "val_interval": 1, "device": "cpu", "patch_size": [32, 32, 32]}
    headneck.run("train", dataset_dir=str(root), output_dir=str(tmp_path / "run"), **options)
    assert "no image has values below -200" in capfd.readouterr().out
