"""Small data sets, and ways to spoil them."""

import csv
import gzip
import json
from pathlib import Path

import nibabel as nib
import nrrd
import numpy as np
import pytest
from conftest import save_nifti
from monai.transforms import LoadImaged

from monai_attn.data import check
from monai_attn.data.checks import image_problem

SHAPE = (12, 14, 10)
BAD = "case_2"
VOLUME = np.zeros((4, 5, 6), np.float32)
AFFINE = np.array([[-2.0, 0, 0, 30], [0, 0, -1.5, 20], [0, 3, 0, -10], [0, 0, 0, 1]])  # axes LSP
LPS = np.diag([-1.0, -1, 1, 1])


def arrays(index: int) -> tuple[np.ndarray, np.ndarray]:
    """Image and label of a case, two classes."""
    rng = np.random.default_rng(index)
    label = np.zeros(SHAPE, np.uint8)
    label[2:6, 2:6, 2:6], label[7:10, 7:10, 2:6] = 1, 2
    return (100 * label + rng.normal(50, 20, SHAPE)).astype(np.float32), label


def dataset(root: Path, count: int = 6, images: str = "images", labels: str = "labels") -> Path:
    for index in range(count):
        image, label = arrays(index)
        save_nifti(root / images / f"case_{index}.nii.gz", image)
        save_nifti(root / labels / f"case_{index}.nii.gz", label)
    return root


def touch(root: Path, *names: str) -> None:
    """Make empty files."""
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def save_volume(path, array, affine=AFFINE, **header):
    """Write a file of the kind that its ending says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix in (".nrrd", ".nhdr"):
        lps = LPS @ affine
        place = {"space": "left-posterior-superior", "space directions": lps[:3, :3].T, "space origin": lps[:3, 3]}
        nrrd.write(str(path), array, {**place, **header}, detached_header=path.suffix == ".nhdr")
    elif path.suffix == ".hdr":
        nib.save(nib.Nifti1Pair(array, affine), path)
    elif path.suffix in (".mgz", ".mgh"):
        nib.save(nib.MGHImage(array, affine), path)
    else:
        save_nifti(path, array, affine)
    return path


def image(root: Path, case: str = BAD) -> Path:
    return root / "images" / f"{case}.nii.gz"


def label(root: Path, case: str = BAD) -> Path:
    return root / "labels" / f"{case}.nii.gz"


def values(path: Path) -> np.ndarray:
    return np.asarray(nib.load(path).dataobj)


def edit(path: Path, change) -> None:
    """Replace the voxels of a file."""
    save_nifti(path, change(values(path)))


def move(path: Path, affine: np.ndarray) -> None:
    save_nifti(path, values(path), affine)


def moved(mm: float) -> np.ndarray:
    affine = np.eye(4)
    affine[0, 3] = mm
    return affine


def turned(degrees: float) -> np.ndarray:
    affine = np.eye(4)
    affine[:3, :3] = rotation(degrees)
    return affine


def rotation(degrees: float) -> np.ndarray:
    """Of the first two axes, shape (3, 3)."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])


def patch_header(path: Path, offset: int, number: float) -> None:
    """Write a float32 into a NIfTI header, past nibabel's own checks."""
    content = bytearray(gzip.decompress(path.read_bytes()))
    content[offset : offset + 4] = np.float32(number).tobytes()
    path.write_bytes(gzip.compress(bytes(content)))


def almost_whole(path: Path) -> None:
    """Classes as a program writes them that resamples labels: 0.9999, 1.9998."""
    edit(path, lambda v: v * np.float32(0.9999))


def slope(path: Path) -> None:
    """Classes 1 and 2 stored as 41 and 82 with the slope 1/41, which come out as 0.99999994 and 1.9999999."""
    edit(path, lambda v: v * np.uint8(41))
    patch_header(path, SLOPE, 1 / 41)


SLOPE = 112  # byte of scl_slope
PIXDIM_Y, SROW_Y = 84, 296 + 4  # bytes of the second spacing, and of the affine's first row, second column


def rgb(path: Path) -> None:
    save_nifti(path, np.zeros(SHAPE, np.dtype([("R", "u1"), ("G", "u1"), ("B", "u1")])))


def write_folds(root: Path, **held: list[str]) -> None:
    folds = {name.removeprefix("fold"): cases for name, cases in held.items()}
    (root / "folds.json").write_text(json.dumps({"validation": folds}))


def write_patients(root: Path, patients: dict[str, str]) -> None:
    with (root / "cases.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("id", "patient"), *patients.items()])


def find_faults_everywhere(path) -> list[str]:
    """What the check, the check of a header and the reader say of a file."""
    found = [finding.text for finding in check_alone(path).errors if str(path) in finding.text]
    with pytest.raises(ValueError, match="'") as caught:
        LoadImaged("image", reader="monai_attn.data.VolumeReader")({"image": str(path)})
    return [*found, image_problem({"case": "a", "image": str(path)}, 1, 3), str(caught.value.__cause__ or caught.value)]


def check_alone(path):
    """The report of a data set of this one image."""
    save_nifti(path.parents[1] / "labels" / f"{path.stem}.nii", arrays(0)[1])
    return check(path.parents[1], progress=False)
