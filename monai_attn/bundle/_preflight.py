"""The first thing a bundle's ``run`` does: see that all it needs is there, before anything is built or written."""

import os
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import torch
from monai.transforms import Spacingd

from .._paths import misread, path_argument
from ..data import LABEL_FOLDERS, case_name, check_cases, check_training_cases, find_cases, image_files
from ..data.checks._cases import why_empty

__all__ = ["check_device", "check_output_dir", "compute_device", "preflight"]


def preflight(
    bundle_root: str | PathLike[str],
    dataset_dir: str | PathLike[str],
    cases: list[dict[str, Any]],
    in_channels: int,
    spatial_dims: int,
    num_classes: int | None = None,
    class_names: Sequence[str] | None = None,
    stacks: bool = False,
    output_dir: str | PathLike[str] | None = None,
    device: str | torch.device = "cpu",
    trust_image_header: bool = False,
    validation: Sequence[Mapping[str, Any]] | None = None,
    fold: int | str = 0,
    patient_column: str | None = None,
    patient_regex: str | None = None,
    transforms: Sequence[Any] = (),
    each_case: bool = True,
) -> None:
    """Check the folders, the device and every case.

    This stands in ``run`` and not in ``initialize``, so that ``monai.bundle.load`` and ``check_properties`` work on a
    machine without the data.

    Args:
        bundle_root: folder of the bundle, which has ``configs/metadata.json``.
        dataset_dir: folder of the data set.
        cases: what was found there, see :func:`monai_attn.data.find_cases`.
        in_channels: channels that the network takes.
        spatial_dims: 2 or 3.
        num_classes: where labels are needed, how many values they may have, background included.
        class_names: names of the classes but the background, one fewer than ``num_classes``.
        stacks: whether a 2D network may be given 3D images, as stacks of slices.
        output_dir: where results will go, which must not be where images or labels are.
        device: where to compute.
        trust_image_header: let a label of its image's shape pass whatever its affine says.
        validation: before a training, those of the cases that are held back; what only shows across cases is then
            checked, too, and warnings go to the log. Needs ``num_classes``.
        fold: name of that fold.
        patient_column: see :func:`monai_attn.data.find_patients`.
        patient_regex: see there.
        transforms: what brings images to the network; a ``Spacingd`` among them says how large they become.
        each_case: whether one case that cannot be used ends the run; otherwise it is enough that there are cases, and
            :class:`monai_attn.data.CaseDataset` sees to each.

    Raises:
        FileNotFoundError: when a folder or a file is missing.
        ValueError: when a file does not fit, results would replace images or cannot be written, or there is no such
            device.
    """
    root = path_argument("bundle_root", bundle_root)
    if not (root / "configs" / "metadata.json").is_file():
        raise FileNotFoundError(
            f"bundle_root='{root}' (that is '{root.resolve()}') is no bundle{misread(bundle_root)}: "
            "pass --bundle_root <folder that holds configs/>, or start from inside it"
        )
    check_device(device)
    if class_names is not None and num_classes is not None and len(class_names) != num_classes - 1:
        raise ValueError(
            f"class_names={list(class_names)} are {len(class_names)}, but network_def::out_channels={num_classes} "
            f"needs {num_classes - 1}, one for each class but the background: pass both"
        )
    if output_dir is not None:
        target = check_output_dir(output_dir)
        if target in _data_folders(cases, dataset_dir, in_channels):
            raise ValueError(
                f"output_dir='{output_dir}' holds images or labels, which results would replace: use another"
            )
    if not each_case:
        if not cases:
            raise FileNotFoundError(why_empty(dataset_dir, labelled=num_classes is not None))
        return
    if validation is None or num_classes is None:
        check_cases(cases, dataset_dir, in_channels, spatial_dims, num_classes, stacks, trust_image_header)
        return
    folds, spacings = {str(fold): [case["case"] for case in validation]}, [t for t in transforms if _resamples(t)]
    check_training_cases(
        cases,
        dataset_dir,
        in_channels,
        spatial_dims,
        num_classes,
        folds,
        patient_column,
        patient_regex,
        trust_image_header,
        [float(size) for size in spacings[0].spacing_transform.pixdim] if spacings else None,
    )


def _resamples(transform: Any) -> bool:
    """Whether a transform brings all axes to a spacing; 0 or less would leave one as it is."""
    return isinstance(transform, Spacingd) and all(size > 0 for size in transform.spacing_transform.pixdim)


def _data_folders(cases: list[dict[str, Any]], dataset_dir: str | PathLike[str], in_channels: int) -> set[Path]:
    """Folders of images and labels, those of labels that nobody asked for included."""
    labelled = [case for case in cases if "label" in case] or find_cases(dataset_dir, True, in_channels)
    images = {Path(file).resolve().parent for case in cases for file in image_files(case)}
    labels = {Path(case["label"]).resolve().parent for case in labelled if "label" in case}
    beside = {folder.parent / LABEL_FOLDERS[folder.name] for folder in images if folder.name in LABEL_FOLDERS}
    return images | labels | {folder for folder in beside if any(_is_image(path) for path in folder.glob("*"))}


def _is_image(path: Path) -> bool:
    return case_name(path) != path.name


def compute_device(device: str | torch.device) -> torch.device:
    """The device of that name; for ``auto`` CUDA, else MPS, else the CPU, whichever is there."""
    if str(device) != "auto":
        return torch.device(device)
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def check_device(device: str | torch.device) -> None:
    """Raise ``ValueError`` if torch cannot compute on ``device`` here."""
    try:
        device = compute_device(device)
        torch.ones(1, device=device).cpu()  # there and back, which a device like 'meta' does not survive
    except Exception as error:  # torch has another type for each back end
        reason = str(error).strip().splitlines()[0].split(". ")[0].rstrip(".")
        raise ValueError(
            f"device='{device}' cannot be used ({reason}): pass --device cpu or auto, or leave it out"
        ) from error


def check_output_dir(output_dir: str | PathLike[str]) -> Path:
    """Return the folder's full path, raise ``ValueError`` if it cannot be made or written; nothing is made yet."""
    target = path_argument("output_dir", output_dir).resolve()
    existing = next(path for path in (target, *target.parents) if path.exists())
    if not existing.is_dir():
        raise ValueError(f"output_dir='{output_dir}' cannot be a folder, '{existing}' is a file: use another")
    if not os.access(existing, os.W_OK | os.X_OK):
        raise ValueError(f"output_dir='{output_dir}' cannot be written, '{existing}' is read-only: use another folder")
    return target
