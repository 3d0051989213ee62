"""Check every case before anything is computed or written."""

from os import PathLike
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from nibabel.spatialimages import SpatialImage
from numpy.typing import NDArray
from tqdm import tqdm

from ..paths import misread, path_argument
from .cases import IMAGE_FOLDERS, LABEL_FOLDERS, case_name, image_files
from .datalist import datalist_file

__all__ = ["check_cases"]

AFFINE_TOLERANCE = 1e-3


def check_cases(
    cases: list[dict[str, Any]],
    dataset_dir: str | PathLike[str],
    in_channels: int,
    spatial_dims: int,
    num_classes: int | None = None,
    stacks: bool = False,
) -> None:
    """Read every file and stop at the first case that the network cannot take.

    Args:
        cases: as :func:`find_cases` returns them.
        dataset_dir: the folder they come from.
        in_channels: channels that the network takes.
        spatial_dims: 2 or 3.
        num_classes: where labels are needed, how many there are with background: each case needs a label on its
            image's grid with whole numbers below that. ``None`` checks images alone.
        stacks: whether a 2D network may be given 3D images, as stacks of slices.

    Raises:
        FileNotFoundError: when the folder does not exist or holds no case, or a label is missing.
        ValueError: when a file cannot be read or does not fit, or two files give one case.
    """
    if not cases:
        raise FileNotFoundError(_why_empty(dataset_dir, num_classes is not None))
    _check_names(cases, num_classes is not None)
    for case in tqdm(cases, desc="checking", leave=False):
        files = image_files(case)
        header = _open(files[0])
        _check_channels(files, header, in_channels, spatial_dims, stacks)
        for path in files:
            _check_image(_open(path), path, files[0], header)
        if num_classes is not None:
            _check_label(_open(case["label"]), case["label"], header, files[0], num_classes)


def _check_names(cases: list[dict[str, Any]], labelled: bool) -> None:
    seen: dict[str, str] = {}
    for case in cases:
        image, name = image_files(case)[0], case["case"]
        if name in seen:
            cure = "rename or remove one, or give each a name of its own under 'case' in a datalist"
            raise ValueError(f"case '{name}' comes from two files, '{seen[name]}' and '{image}': {cure}")
        if name != Path(name).name:
            raise ValueError(f"case '{name}' would name a result's file: give it a name without folders")
        seen[name] = image
        if labelled and "label" not in case:
            folder = Path(image).parent
            ending = Path(image).name[len(case_name(image)) :]
            expected = folder.parent / LABEL_FOLDERS.get(folder.name, "labels") / f"{name}{ending}"
            cure = "take the image out, or write a datalist if it is one of several channels of a case"
            raise FileNotFoundError(f"image '{image}' has no label: add '{expected}', {cure}")
        for path in [*image_files(case), *([case["label"]] if labelled else [])]:
            if not Path(path).is_file():
                raise FileNotFoundError(f"case '{name}' lacks '{path}': add that file, or take the case out")


def _why_empty(dataset_dir: str | PathLike[str], labelled: bool) -> str:
    root = path_argument("dataset_dir", dataset_dir)
    datalist = datalist_file(root)
    if datalist is not None:
        return f"'{datalist}' lists no case whose files are here: paths in it start from its folder; correct them"
    folders = " or ".join(f"{i}/ with {k}/" for i, k in LABEL_FOLDERS.items()) if labelled else ", ".join(IMAGE_FOLDERS)
    wanted = f"images and labels in {folders}" if labelled else f"NIfTI files in it, or in {folders}"
    if not root.exists():
        return f"dataset_dir='{root}' does not exist{misread(dataset_dir)}: pass --dataset_dir <folder> with {wanted}"
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


def _check_channels(files: list[str], image: SpatialImage, in_channels: int, spatial_dims: int, stacks: bool) -> None:
    shape = tuple(image.shape)
    fits = spatial_dims <= len(shape) <= 4 and min(shape) > 0
    if spatial_dims == 2:  # a third axis is a stack of slices, which MONAI reads as one channel
        fits = fits and (stacks or shape[2:3] in ((), (1,)))
    if not fits:
        kinds = {2: "a 2D image or a stack of them" if stacks else "a 2D image"}
        kind = kinds.get(spatial_dims, "a 3D image, alone or with one axis of channels behind")
        raise ValueError(
            f"image '{files[0]}' of shape {shape} is not {kind}: convert it, or use a bundle for such images"
        )
    behind = int(np.prod(shape[3:], dtype=int))
    channels = behind if len(files) == 1 else len(files)
    if channels != in_channels:
        count = "1 file" if len(files) == 1 else f"{len(files)} files"
        raise ValueError(
            f"image '{files[0]}' of shape {shape} ({count}) has {channels} channels, but the network takes "
            f"{in_channels}: pass images with that number, or train a network with another in_channels"
        )


def _check_image(image: SpatialImage, path: str, first_path: str, first: SpatialImage) -> None:
    _check_type(image, path)
    affine = np.asarray(image.affine)
    if not np.isfinite(affine).all() or abs(np.linalg.det(affine[:3, :3])) < 1e-9:
        raise ValueError(f"image '{path}' has the affine {affine[:3].tolist()}, which is no place: correct its header")
    if path != first_path:
        _check_same_place(image, f"image '{path}'", first, f"'{first_path}'")
    if not np.isfinite(_voxels(image, path)).all():
        raise ValueError(f"image '{path}' has voxels that are NaN or infinite: replace them, or take the image out")


def _check_same_place(one: SpatialImage, one_name: str, other: SpatialImage, other_name: str) -> None:
    shape = tuple(one.shape)
    if shape[:3] != tuple(other.shape)[:3] or np.prod(shape[3:], dtype=int) != 1:
        raise ValueError(
            f"{one_name} has shape {shape}, but {other_name} {tuple(other.shape)}: give it one channel on that grid"
        )
    shift = float(np.abs(np.asarray(one.affine) - np.asarray(other.affine)).max())
    if not shift <= AFFINE_TOLERANCE:  # written so that a NaN fails, too
        raise ValueError(
            f"{one_name} lies elsewhere than {other_name} (affines differ by {shift:.3g} mm): "
            "resample it onto that grid, or correct its header"
        )


def _check_type(image: SpatialImage, path: str) -> None:
    kind = image.get_data_dtype()
    if kind.kind not in "iuf":
        raise ValueError(f"'{path}' has voxels of type {kind}, not numbers: convert it to one number a voxel")


def _check_label(label: SpatialImage, path: str, image: SpatialImage, image_path: str, num_classes: int) -> None:
    _check_type(label, path)
    _check_same_place(label, f"label '{path}'", image, f"its image '{image_path}'")
    values = np.unique(_voxels(label, path))
    wrong = [value for value in values.tolist() if value not in range(num_classes)]
    if wrong:
        raise ValueError(
            f"label '{path}' has the values {wrong[:5]}, but the classes are 0 to {num_classes - 1}: "
            "write whole numbers of that range, or train a network with more out_channels"
        )
