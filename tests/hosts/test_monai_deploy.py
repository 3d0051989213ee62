"""A bundle in MONAI Deploy: a DICOM series in, a DICOM segmentation out.

The application runs in an environment of its own; name its folder, which is made where it is missing:

    MONAI_ATTN_DEPLOY_ENV=/tmp/deploy python -m pytest tests/hosts/test_monai_deploy.py
"""

import os
import subprocess
from pathlib import Path

import environments
import nibabel as nib
import numpy as np
import pytest
from conftest import BUNDLES

HERE = Path(__file__).parent
NAME = "hippocampus_mri_attn_segmentation"


@pytest.fixture(scope="module")
def python() -> str:
    if not os.environ.get("MONAI_ATTN_DEPLOY_ENV"):
        pytest.skip("MONAI Deploy runs in an environment of its own: name its folder in MONAI_ATTN_DEPLOY_ENV")
    folder = Path(os.environ["MONAI_ATTN_DEPLOY_ENV"]).resolve()
    environments.make("deploy", folder)
    return str(environments.python(folder))


def affine(case: str) -> np.ndarray:
    """The header of the file, or one that is turned, stored from another corner, with slices of another thickness."""
    if case == "as it is":
        return np.diag([1.0, 1, 1, 1])
    turn = np.radians(11)
    axes = np.array([[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1]])
    result = np.eye(4)
    result[:3, :3] = axes @ np.array([[0, 0, 1.1], [-0.9, 0, 0], [0, -0.9, 0]])
    result[:3, 3] = (-20.5, 31.25, 7)
    return result


@pytest.mark.parametrize("case", ["as it is", "oblique coronal"])
def test_a_series_becomes_a_segmentation(python, shared_data, tmp_path, case):
    source = nib.load(shared_data / "Task04_Hippocampus" / "imagesTr" / "hippocampus_001.nii.gz")
    image = nib.Nifti1Image(np.asarray(source.dataobj), affine(case))
    (tmp_path / "nifti").mkdir()
    nib.save(image, tmp_path / "nifti" / "scan.nii.gz")

    def call(*arguments: str | Path) -> None:
        done = subprocess.run(
            ["/bin/bash", "-c", 'ulimit -s 32768; exec "$@"', "-", python, *map(str, arguments)],
            env=environments.variables(),
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]

    bundle = BUNDLES / NAME
    call(HERE / "dicom_files.py", "write", "nifti/scan.nii.gz", "series")
    call(HERE / "deploy_app.py", bundle, "series", "segmentation")
    call(HERE / "dicom_files.py", "read", "segmentation", "nifti/scan.nii.gz", "deployed.nii.gz")
    config = ["--config_file", bundle / "configs" / "inference.json", "--bundle_root", bundle]
    call("-m", "monai.bundle", "run", *config, "--dataset_dir", "nifti", "--output_dir", "labels")

    deployed, own = (
        np.asarray(nib.load(tmp_path / name).dataobj) for name in ("deployed.nii.gz", "labels/scan.nii.gz")
    )
    assert own.max() == 2
    for value in (1, 2):
        overlap = 2 * ((deployed == value) & (own == value)).sum() / ((deployed == value).sum() + (own == value).sum())
        assert overlap > 0.999
    assert len(list((tmp_path / "segmentation").iterdir())) == 1
