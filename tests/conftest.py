"""Data for the tests: small generated cases, and the real ones where they are at hand."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
BUNDLES = REPOSITORY / "bundles"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of the real data sets, beside the repository."""
    folder = REPOSITORY.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"the real data are not at {folder}")
    return folder


def save_nifti(path: Path, array: np.ndarray, affine: np.ndarray | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(array, np.eye(4) if affine is None else affine), path)
    return path


@pytest.fixture
def make_dataset(tmp_path: Path) -> Callable[..., Path]:
    """Make ``imagesTr/`` and ``labelsTr/`` with noisy boxes: a bright one (label 1) and a brighter one (label 2)."""

    def make(count: int = 4, shape: tuple[int, ...] = (30, 41, 27), name: str = "dataset") -> Path:
        rng = np.random.default_rng(0)
        root = tmp_path / name
        for index in range(count):
            label = np.zeros(shape, np.uint8)
            label[8:20, 6 + index % 3 : 18, 8:18] = 1
            label[8:20, 18:32, 8:18] = 2
            image = (100 * label + rng.normal(0, 20, shape)).astype(np.float32)
            save_nifti(root / "imagesTr" / f"case_{index}.nii.gz", image)
            save_nifti(root / "labelsTr" / f"case_{index}.nii.gz", label)
        return root

    return make


@pytest.fixture
def command(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run ``python -m ...`` as a person would, from a folder that has nothing to do with the package."""

    def run(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        folder = cwd or tmp_path / "elsewhere"
        folder.mkdir(exist_ok=True)
        environment = {key: value for key, value in os.environ.items() if key != "MONAI_ATTN_DEBUG"}
        return subprocess.run(
            [sys.executable, "-m", *arguments],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    return run
