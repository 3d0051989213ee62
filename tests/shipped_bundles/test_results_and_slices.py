"""Results beside their images, and slices in a bundle for volumes."""

import logging

import nibabel as nib
import numpy as np
import pytest

from tests.conftest import SHIPPED, save_nifti


def values(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 1, shape).astype(np.float32)


@pytest.mark.parametrize("ending", ["nii.gz", "nii"])
def test_a_second_run_leaves_the_results_of_the_first_alone(small, tmp_path, capfd, ending):
    """Patients' folders, with the folder of results among them."""
    root, out = tmp_path / "patients", tmp_path / "patients" / "out"
    for k in range(2):
        save_nifti(root / f"p{k}" / f"scan.{ending}", values(k, 64, 64))
    options = {"dataset_dir": str(root), "output_dir": str(out), "device": "cpu"}
    small.run("inference", **options)
    first = {path.name: path.read_bytes() for path in out.iterdir()}
    assert sorted(first) == [f"p{k}_scan.{ending}" for k in range(2)]
    small.run("inference", **options)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == first
    save_nifti(root / "p2" / f"scan.{ending}", values(2, 64, 64))
    capfd.readouterr()
    small.run("inference", **options, skip_existing=True)
    assert "label maps written: 1 to" in capfd.readouterr().out
    assert sorted(path.name for path in out.iterdir()) == [f"p{k}_scan.{ending}" for k in range(3)]


VOLUMES = next(bundle for bundle in SHIPPED if bundle.spatial_dims == 3)


@pytest.mark.parametrize("shape", [(40, 40, 1), (1, 40, 40), (40, 1, 40)])
def test_one_slice_in_a_bundle_for_volumes_is_refused(tmp_path, shape):
    save_nifti(tmp_path / "in" / "thin.nii.gz", values(0, *shape))
    with pytest.raises((ValueError, RuntimeError)) as caught:
        VOLUMES.run("inference", dataset_dir=str(tmp_path / "in"), output_dir=str(tmp_path / "out"), device="cpu")
    error = caught.value
    while error.__cause__ is not None:
        error = error.__cause__
    assert f"thin.nii.gz' of shape {shape} is one voxel thick" in str(error)
    assert "use a bundle for slices" in str(error)
    assert not (tmp_path / "out").exists()


def test_two_slices_and_slices_in_2d_are_segmented(small, tmp_path, caplog):
    caplog.set_level(logging.WARNING)
    save_nifti(tmp_path / "in" / "two.nii.gz", values(0, 40, 40, 2))
    save_nifti(tmp_path / "slices" / "one.nii.gz", values(0, 40, 40, 1))
    for bundle, folder in ((VOLUMES, "in"), (small, "slices")):
        bundle.run("inference", dataset_dir=str(tmp_path / folder), output_dir=str(tmp_path / "out"), device="cpu")
    assert nib.load(tmp_path / "out" / "two.nii.gz").shape == (40, 40, 2)
    assert nib.load(tmp_path / "out" / "one.nii.gz").shape == (40, 40, 1)
