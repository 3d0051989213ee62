"""Check cases by their headers, so that a fault shows before anything is computed or written."""

from os import PathLike
from pathlib import Path

import nibabel as nib
import numpy as np
from nibabel.spatialimages import SpatialImage

from .cases import IMAGE_FOLDERS, LABEL_FOLDERS

__all__ = ["check_cases"]

AFFINE_TOLERANCE = 1e-3


def check_cases(
    cases: list[dict[str, str]],
    dataset_dir: str | PathLike[str],
    in_channels: int,
    spatial_dims: int,
    labelled: bool = False,
) -> None:
    """Read every header and stop at the first case that the network cannot take.

    Args:
        cases: as :func:`find_cases` returns them.
        dataset_dir: the folder they come from.
        in_channels: channels that the network takes.
        spatial_dims: 2 or 3.
        labelled: whether each case needs a label, of the image's size and place.

    Raises:
        FileNotFoundError: when the folder does not exist or holds no case, or a label is missing.
        ValueError: when a file cannot be read or does not fit, or two files give one case.
    """
    if not cases:
        raise FileNotFoundError(_why_empty(Path(str(dataset_dir)), labelled))
    seen: dict[str, str] = {}
    for case in cases:
        image, name = case["image"], case["case"]
        if name in seen:
            raise ValueError(f"case '{name}' comes from two files, '{seen[name]}' and '{image}': rename or remove one")
        seen[name] = image
        header = _open(image)
        _check_channels(header, image, in_channels, spatial_dims)
        if labelled:
            if "label" not in case:
                folder = Path(image).parent
                expected = folder.parent / LABEL_FOLDERS[folder.name] / Path(image).name
                raise FileNotFoundError(f"image '{image}' has no label: add '{expected}', or take the image out")
            _check_pair(header, image, _open(case["label"]), case["label"], spatial_dims)


def _why_empty(root: Path, labelled: bool) -> str:
    folders = " or ".join(f"{i}/ with {k}/" for i, k in LABEL_FOLDERS.items()) if labelled else ", ".join(IMAGE_FOLDERS)
    wanted = f"images and labels in {folders}" if labelled else f"NIfTI files in it, or in {folders}"
    if not root.exists():
        return f"dataset_dir='{root}' does not exist: pass --dataset_dir <folder> with {wanted}"
    return f"dataset_dir='{root}' holds no case (*.nii.gz, *.nii): pass --dataset_dir <folder> with {wanted}"


def _open(path: str) -> SpatialImage:
    try:
        image = nib.load(path)
    except Exception as error:  # nibabel lets through whatever gzip, struct or numpy raise on a damaged header
        raise ValueError(f"'{path}' cannot be read as NIfTI ({error}): replace the file") from error
    if not isinstance(image, SpatialImage):
        raise ValueError(f"'{path}' is not an image but {type(image).__name__}: replace the file")
    return image


def _spatial_shape(image: SpatialImage, spatial_dims: int) -> tuple[int, ...]:
    return tuple(image.shape[:spatial_dims])


def _check_channels(image: SpatialImage, path: str, in_channels: int, spatial_dims: int) -> None:
    shape = image.shape
    if len(shape) < spatial_dims:
        raise ValueError(f"image '{path}' of shape {shape} is no volume: this bundle takes {spatial_dims}D images")
    channels = int(np.prod(shape[spatial_dims:], dtype=int))
    if channels != in_channels:
        raise ValueError(
            f"image '{path}' of shape {shape} has {channels} channels, but the network takes {in_channels}: "
            "pass images with that number, or train a network with another in_channels"
        )


def _check_pair(image: SpatialImage, image_path: str, label: SpatialImage, label_path: str, spatial_dims: int) -> None:
    if _spatial_shape(image, spatial_dims) != _spatial_shape(label, spatial_dims):
        raise ValueError(
            f"label '{label_path}' has shape {label.shape}, but its image '{image_path}' {image.shape}: "
            "resample the label onto the image's grid"
        )
    shift = float(np.abs(np.asarray(image.affine) - np.asarray(label.affine)).max())
    if not shift <= AFFINE_TOLERANCE:  # written so that a NaN fails, too
        raise ValueError(
            f"label '{label_path}' lies elsewhere than its image '{image_path}' (affines differ by {shift:.3g} mm): "
            "resample the label onto the image's grid, or correct its header"
        )
