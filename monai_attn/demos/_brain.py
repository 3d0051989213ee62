"""Segment both hippocampi of a real averaged brain with the shipped bundle: ``monai-attn demo``."""

from collections.abc import Iterator
from importlib.util import find_spec
from os import PathLike
from pathlib import Path

import nibabel as nib
import numpy as np
import torch
from monai.bundle import ConfigWorkflow

from ..bundle import bundle_dir, check_device, check_output_dir
from ..visualize import AttentionPanel, attention_figure

__all__ = ["demo"]

BUNDLE = "hippocampus_mri_attn_segmentation"
NOTICE = "demonstration on an averaged brain (ICBM152 2009a), not a diagnosis"
CENTRES_MM = {"left": (-28.0, -22.0, -14.0), "right": (28.0, -22.0, -14.0)}
MARKER = ".monai-attn-demo"  # a folder with this file is the demo's, which may replace what is in it
CROP_VOXELS = (40, 56, 40)  # at 1 mm, about what the training images show


def demo(output_dir: str | PathLike[str] = "monai-attn-demo", device: str | None = None) -> Path:
    """Crop the ICBM152 2009a T1 template around each hippocampus, segment the crops, and draw the result.

    Args:
        output_dir: folder for ``images/``, ``labels/`` and ``hippocampus.png``.
        device: device to run on, for example "cpu" or "cuda:1"; by default CUDA if available.

    Returns:
        path of the picture.

    Raises:
        ModuleNotFoundError: when nilearn, which contains the template, or matplotlib is missing (extra ``demo``).
        ValueError: when the folder contains files of these names that the demo did not write.
    """
    check_device(device or "cpu")
    template = _template()
    if find_spec("matplotlib") is None:
        raise ModuleNotFoundError("matplotlib is not installed: pip install 'monai-attn[demo]'")
    root = check_output_dir(output_dir)
    images, labels, picture = root / "images", root / "labels", root / "hippocampus.png"
    foreign = [path for path in (images, labels, picture) if path.exists() and not (root / MARKER).is_file()]
    if foreign:
        raise ValueError(f"output_dir='{root}' contains '{foreign[0].name}', not from the demo: use a new folder")
    images.mkdir(parents=True, exist_ok=True)
    (root / MARKER).touch()
    for earlier in labels.glob("*.nii.gz"):  # inference would take them for the user's and refuse
        earlier.unlink()
    for side, crop in _crops(nib.Nifti1Image.from_filename(template)):
        nib.save(crop, images / f"{side}_hippocampus.nii.gz")
    workflow = _run_bundle(images, labels, device)
    class_names = {1: "anterior", 2: "posterior"}
    panels = [_panel(workflow, path, labels / path.name) for path in sorted(images.glob("*.nii.gz"))]
    attention_figure(panels, class_names, picture, caption=NOTICE)
    print(f"{'':12}" + "".join(f"{name:>14}" for name in class_names.values()))
    for panel in panels:
        millilitres = [np.count_nonzero(panel.labels == k) * np.prod(panel.spacing_mm) / 1000 for k in class_names]
        print(f"{panel.title:12}" + "".join(f"{volume:11.2f} mL" for volume in millilitres))
    print(f"label maps: {labels}\npicture:    {picture}\nThis is a {NOTICE}.")
    return picture


def _template() -> Path:
    """Path of the T1 template inside the nilearn package, which is not imported, since that is slow."""
    spec = find_spec("nilearn")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(
            "nilearn, which contains the template, is not installed: pip install 'monai-attn[demo]'"
        )
    path = Path(spec.origin).parent / "datasets" / "data" / "mni_icbm152_t1_tal_nlin_sym_09a_converted.nii.gz"
    if not path.is_file():
        raise FileNotFoundError(f"'{path}' does not exist in this version of nilearn: pip install 'nilearn==0.14.1'")
    return path


def _crops(template: nib.Nifti1Image) -> Iterator[tuple[str, nib.Nifti1Image]]:
    to_voxel = np.linalg.inv(template.affine)
    for side, centre in CENTRES_MM.items():
        middle = (to_voxel @ (*centre, 1.0))[:3]
        start = np.round(middle - np.array(CROP_VOXELS) / 2).astype(int)
        yield side, template.slicer[tuple(slice(a, a + n) for a, n in zip(start, CROP_VOXELS, strict=True))]


def _run_bundle(images: Path, labels: Path, device: str | None) -> ConfigWorkflow:
    root = bundle_dir(BUNDLE)
    overrides = {"bundle_root": str(root), "dataset_dir": str(images), "output_dir": str(labels)}
    if device is not None:
        overrides["device"] = device
    workflow = ConfigWorkflow(str(root / "configs" / "inference.json"), workflow_type="inference", **overrides)
    workflow.initialize()
    workflow.run()
    workflow.finalize()
    return workflow


def _panel(workflow: ConfigWorkflow, image_path: Path, label_path: Path) -> AttentionPanel:
    """Voxels as in the files; the coefficients are on the same grid, since the crops have 1 mm spacing and RAS axes."""
    network = workflow.network_def
    image = workflow.preprocessing({"image": str(image_path)})["image"]
    with torch.no_grad():
        coefficients = network.attention_coefficients(image[None].to(next(network.parameters()).device))[0]
    return AttentionPanel(
        title=image_path.name.split("_")[0],
        image=np.asarray(nib.Nifti1Image.from_filename(image_path).dataobj),
        labels=np.asarray(nib.Nifti1Image.from_filename(label_path).dataobj),
        coefficients=coefficients[0, 0].cpu().numpy(),
    )
