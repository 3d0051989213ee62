"""Check every case before anything is computed or written."""

from os import PathLike
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from nibabel.spatialimages import SpatialImage
from numpy.typing import NDArray
from tqdm import tqdm

from .cases import IMAGE_FOLDERS, LABEL_FOLDERS

__all__ = ["check_cases"]

AFFINE_TOLERANCE = 1e-3


def check_cases(
    cases: list[dict[str, str]],
    dataset_dir: str | PathLike[str],
    in_channels: int,
    spatial_dims: int,
    num_classes: int | None = None,
) -> None:
    """Read every file and stop at the first case that the network cannot take.

    Args:
        cases: as :func:`find_cases` returns them.
        dataset_dir: the folder they come from.
        in_channels: channels that the network takes.
        spatial_dims: 2 or 3.
        num_classes: where labels are needed, how many there are with background: each case needs a label on its
            image's grid with whole numbers below that. ``None`` checks images alone.

    Raises:
        FileNotFoundError: when the folder does not exist or holds no case, or a label is missing.
        ValueError: when a file cannot be read or does not fit, or two files give one case.
    """
    if not cases:
        raise FileNotFoundError(_why_empty(Path(str(dataset_dir)), num_classes is not None))
    seen: dict[str, str] = {}
    for case in cases:
        image, name = case["image"], case["case"]
        if name in seen:
            raise ValueError(f"case '{name}' comes from two files, '{seen[name]}' and '{image}': rename or remove one")
        seen[name] = image
        if num_classes is not None and "label" not in case:
            folder = Path(image).parent
            expected = folder.parent / LABEL_FOLDERS[folder.name] / Path(image).name
            raise FileNotFoundError(f"image '{image}' has no label: add '{expected}', or take the image out")
    for case in tqdm(cases, desc="checking", leave=False):
        path, header = case["image"], _open(case["image"])
        _check_grid(header, path, in_channels, spatial_dims)
        if not np.isfinite(_voxels(header, path)).all():
            raise ValueError(f"image '{path}' has voxels that are NaN or infinite: replace them, or take the image out")
        if num_classes is not None:
            _check_label(_open(case["label"]), case["label"], header, path, num_classes, spatial_dims)


def _why_empty(root: Path, labelled: bool) -> str:
    folders = " or ".join(f"{i}/ with {k}/" for i, k in LABEL_FOLDERS.items()) if labelled else ", ".join(IMAGE_FOLDERS)
    wanted = f"images and labels in {folders}" if labelled else f"NIfTI files in it, or in {folders}"
    if not root.exists():
        return f"dataset_dir='{root}' does not exist: pass --dataset_dir <folder> with {wanted}"
    return f"dataset_dir='{root}' holds no case (*.nii.gz, *.nii): pass --dataset_dir <folder> with {wanted}"


def _open(path: str) -> SpatialImage:
    try:
        image: Any = nib.load(path)
    except Exception as error:  # nibabel lets through whatever gzip, struct or numpy raise on a damaged header
        raise ValueError(f"'{path}' cannot be read as NIfTI ({error}): replace the file") from error
    if not isinstance(image, SpatialImage):
        raise ValueError(f"'{path}' is not an image but {type(image).__name__}: replace the file")
    return image


def _voxels(image: SpatialImage, path: str) -> NDArray[Any]:
    try:
        return np.asanyarray(image.dataobj)
    except Exception as error:  # a file cut short behind a good header, in as many ways
        raise ValueError(f"'{path}' has damaged or missing voxels ({error}): replace the file") from error


def _check_grid(image: SpatialImage, path: str, in_channels: int, spatial_dims: int) -> None:
    shape = tuple(image.shape)
    _check_type(image, path)
    if not spatial_dims <= len(shape) <= spatial_dims + 1 or min(shape) < 1:
        raise ValueError(
            f"image '{path}' of shape {shape} is no {spatial_dims}D image, alone or with one axis of channels behind: "
            "convert it, or use a bundle for such images"
        )
    channels = int(np.prod(shape[spatial_dims:], dtype=int))
    if channels != in_channels:
        raise ValueError(
            f"image '{path}' of shape {shape} has {channels} channels, but the network takes {in_channels}: "
            "pass images with that number, or train a network with another in_channels"
        )
    affine = np.asarray(image.affine)
    if not np.isfinite(affine).all() or abs(np.linalg.det(affine[:3, :3])) < 1e-9:
        raise ValueError(f"image '{path}' has the affine {affine[:3].tolist()}, which is no place: correct its header")


def _check_type(image: SpatialImage, path: str) -> None:
    kind = image.get_data_dtype()
    if kind.kind not in "iuf":
        raise ValueError(f"'{path}' has voxels of type {kind}, not numbers: convert it to one number a voxel")


def _check_label(
    label: SpatialImage, path: str, image: SpatialImage, image_path: str, num_classes: int, spatial_dims: int
) -> None:
    shape = tuple(label.shape)
    _check_type(label, path)
    if shape[:spatial_dims] != tuple(image.shape)[:spatial_dims] or np.prod(shape[spatial_dims:], dtype=int) != 1:
        raise ValueError(
            f"label '{path}' has shape {shape}, but its image '{image_path}' {tuple(image.shape)}: "
            "give it one channel on the image's grid"
        )
    shift = float(np.abs(np.asarray(image.affine) - np.asarray(label.affine)).max())
    if not shift <= AFFINE_TOLERANCE:  # written so that a NaN fails, too
        raise ValueError(
            f"label '{path}' lies elsewhere than its image '{image_path}' (affines differ by {shift:.3g} mm): "
            "resample the label onto the image's grid, or correct its header"
        )
    values = np.unique(_voxels(label, path))
    wrong = [value for value in values.tolist() if value not in range(num_classes)]
    if wrong:
        raise ValueError(
            f"label '{path}' has the values {wrong[:5]}, but the classes are 0 to {num_classes - 1}: "
            "write whole numbers of that range, or train a network with more out_channels"
        )
