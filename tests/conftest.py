"""Data for the tests: small generated cases, and the real ones where they are at hand."""

import csv
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from monai.bundle import run

REPOSITORY = Path(__file__).resolve().parents[1]
BUNDLES = REPOSITORY / "bundles"


@pytest.fixture(autouse=True, scope="session")
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Nothing of earlier runs is remembered, and nothing is left in the home folder."""
    os.environ["MONAI_ATTN_CACHE"] = str(tmp_path_factory.mktemp("cache"))


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
    """Make ``imagesTr/`` and ``labelsTr/`` with noisy slabs, brighter from class to class, in 2D or 3D."""

    def make(
        count: int = 4, shape: tuple[int, ...] = (30, 41, 27), name: str = "dataset", num_classes: int = 3
    ) -> Path:
        rng = np.random.default_rng(0)
        root = tmp_path / name
        for index in range(count):
            label = np.zeros(shape, np.uint8)
            inner = tuple(slice(size // 4, size - size // 4) for size in shape[2:])
            edges = np.linspace(5 + index % 3, shape[1] - 8, num_classes).astype(int)
            for value in range(1, num_classes):
                label[(slice(6, -8), slice(edges[value - 1], edges[value]), *inner)] = value
            image = (100 * label + rng.normal(0, 20, shape)).astype(np.float32)
            save_nifti(root / "imagesTr" / f"case_{index}.nii.gz", image)
            save_nifti(root / "labelsTr" / f"case_{index}.nii.gz", label)
        return root

    return make


@pytest.fixture
def slices(tmp_path: Path) -> Path:
    """Make nine labelled slices for ``small``."""
    rng = np.random.default_rng(0)
    for index in range(9):
        label = np.zeros((40, 40), np.uint8)
        label[10:25, 8 + index : 28] = 1
        save_nifti(tmp_path / "slices" / "labelsTr" / f"case_{index}.nii.gz", label)
        image = (100 * label + rng.normal(0, 20, label.shape)).astype(np.float32)
        save_nifti(tmp_path / "slices" / "imagesTr" / f"case_{index}.nii.gz", image)
    return tmp_path / "slices"


@dataclass(frozen=True)
class Bundle:
    """A shipped bundle, or a copy of one."""

    root: Path

    @property
    def name(self) -> str:
        return self.root.name

    @property
    def metadata(self) -> dict[str, Any]:
        return json.loads((self.root / "configs" / "metadata.json").read_text())

    @property
    def spatial_dims(self) -> int:
        return len(self.metadata["network_data_format"]["inputs"]["image"]["spatial_shape"])

    @property
    def num_classes(self) -> int:
        return self.metadata["network_data_format"]["outputs"]["pred"]["num_channels"]

    @property
    def classes(self) -> list[str]:
        return list(self.metadata["network_data_format"]["outputs"]["pred"]["channel_def"].values())[1:]

    def configs(self, *names: str) -> list[str]:
        return [str(self.root / "configs" / f"{name}.json") for name in names]

    def run(self, *names: str, **overrides: Any) -> None:
        """Run laid-over configs through MONAI's Python interface."""
        files = self.configs(*names)
        run(config_file=files if len(files) > 1 else files[0], bundle_root=str(self.root), **overrides)


SHIPPED = [Bundle(path.parents[1]) for path in sorted(BUNDLES.glob("*/configs/metadata.json"))]


@pytest.fixture(params=SHIPPED, ids=lambda bundle: bundle.name)
def shipped(request: pytest.FixtureRequest) -> Bundle:
    """Each bundle where it is."""
    return request.param


@pytest.fixture(params=SHIPPED, ids=lambda bundle: bundle.name)
def bundle(request: pytest.FixtureRequest, tmp_path: Path) -> Bundle:
    """A copy of each bundle alone, away from the repository."""
    return Bundle(Path(shutil.copytree(request.param.root, tmp_path / "a copy" / request.param.name)))


@pytest.fixture
def small() -> Bundle:
    """The shipped bundle whose training takes a moment."""
    return next(bundle for bundle in SHIPPED if bundle.name == "cardiac_mri_attn_segmentation_2d")


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """A bundle of one config and no weights, which lint reads in no time."""
    for folder in ("configs", "models"):
        (tmp_path / "tiny" / folder).mkdir(parents=True)
    for name in ("inference.json", "metadata.json", "logging.conf"):
        shutil.copy(SHIPPED[-1].root / "configs" / name, tmp_path / "tiny" / "configs" / name)
    return tmp_path / "tiny"


@pytest.fixture
def loose(tmp_path: Path) -> Path:
    """A copy of a shipped bundle without its spec, so that a change to a config is not just another rendering."""
    root = Path(shutil.copytree(SHIPPED[-1].root, tmp_path / "loose"))
    (root / "bundle.json").unlink()
    return root


def read_rows(path: Path) -> list[dict[str, str]]:
    """Rows of a table of scores."""
    with path.open() as file:
        return list(csv.DictReader(file))


def add_entries(root: Path, name: str, **entries: Any) -> Path:
    """Add entries to a config of a bundle, or replace them."""
    path = root / "configs" / f"{name}.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | entries))
    return root


@pytest.fixture
def bundle_data(bundle: Bundle, make_dataset: Callable[..., Path]) -> Callable[..., Path]:
    """Make small data that fit ``bundle``."""

    def make(count: int = 4, name: str = "dataset") -> Path:
        return make_dataset(count, (30, 41, 27)[: bundle.spatial_dims], name, bundle.num_classes)

    return make


@pytest.fixture
def command(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run ``python -m ...`` as a person would, from a folder that has nothing to do with the package."""

    def call(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
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

    return call
