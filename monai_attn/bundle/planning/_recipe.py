"""A plan's ``bundle.json``: transforms, network, training and metadata as the shipped bundles have them."""

from typing import Any

from ...data import Fingerprint
from ._geometry import PlannedGeometry
from ._left_right import Sides, find_sides

__all__ = ["make_spec", "network_definition"]

MARGIN = 1.25  # the region that is rotated and scaled, in patches, so that no corner comes from outside
BOTH = ["image", "label"]
POSITIVE = "Two of three patches are centred on a labelled voxel, so that small classes are seen often."
SPARSE = 0.25  # nnU-Net's: from this share of zeros on, the statistics of an MR image leave them out


def network_definition(fingerprint: Fingerprint, geometry: PlannedGeometry, width: int) -> dict[str, Any]:
    """The light network with ``width`` features on its first level."""
    channels = [min(width * 2**level, 320) for level in range(len(geometry.strides) + 1)]
    definition: dict[str, Any] = {
        "_target_": "monai_attn.LightAttentionGatedUNet",
        "spatial_dims": fingerprint.spatial_dims,
        "in_channels": fingerprint.in_channels,
        "out_channels": len(fingerprint.class_names) + 1,
        "channels": channels,
        "strides": [_short(stride) for stride in geometry.strides],
        "stem_strides": _short(geometry.stem_strides),
    }
    kernels = [_short(kernel) for kernel in geometry.kernel_size]
    if any(kernel != 3 for kernel in kernels):
        definition["kernel_size"] = kernels
    return definition


def image_transforms(fingerprint: Fingerprint, geometry: PlannedGeometry) -> tuple[list[dict[str, Any]], float, str]:
    """Steps of all workflows for the image; the value that stands for nothing; and why they are these."""
    if fingerprint.spatial_dims == 2 and fingerprint.modality != "CT":
        return (
            [{"_target_": "monai_attn.data.NormalizeSlicesd", "keys": "image"}],
            0.0,
            f"{fingerprint.modality} ({fingerprint.why_modality}): each slice by itself is brought to zero mean "
            "and unit variance.",
        )
    steps = _placing(geometry, "image", "bilinear")
    mean, deviation, low, high = fingerprint.foreground
    if fingerprint.modality == "CT":
        deviation = deviation or 1.0
        bottom, top = (round((value - mean) / deviation, 4) for value in (low, high))
        window = {"a_min": round(low, 1), "a_max": round(high, 1), "b_min": bottom, "b_max": top, "clip": True}
        steps.append({"_target_": "ScaleIntensityRanged", "keys": "image", **window})
        why = (
            f"CT ({fingerprint.why_modality}): values are clipped to {low:.0f} to {high:.0f} HU, the 0.5th and 99.5th "
            f"percentile inside the labels (mean over cases), and brought to zero mean and unit variance by the mean "
            f"{mean:.0f} and deviation {deviation:.0f} there, as nnU-Net does."
        )
        return steps, bottom, why
    sparse = fingerprint.zeros > SPARSE
    steps += [
        {"_target_": "ClipIntensityPercentilesd", "keys": "image", "lower": 0.5, "upper": 99.5, "channel_wise": True},
        {"_target_": "NormalizeIntensityd", "keys": "image", "nonzero": sparse, "channel_wise": True},
    ]
    zeros = (
        f"; {fingerprint.zeros:.0%} of the voxels are exactly 0 and left out of mean and deviation" if sparse else ""
    )
    why = (
        f"{fingerprint.modality} ({fingerprint.why_modality}): each image and channel is clipped to its 0.5th to "
        f"99.5th percentile and brought to zero mean and unit variance by itself, since its unit is not fixed{zeros}."
    )
    return steps, 0.0, why


def label_transforms(geometry: PlannedGeometry, spatial_dims: int) -> list[dict[str, Any]]:
    """The same places for the label."""
    if spatial_dims == 2:
        return [{"_target_": "monai_attn.data.SqueezeSliced", "keys": BOTH}]
    return _placing(geometry, "label", "nearest")


def augmentation(fingerprint: Fingerprint, geometry: PlannedGeometry, sides: Sides) -> list[dict[str, Any]]:
    """Random steps of training."""
    dims = fingerprint.spatial_dims
    region = [round(n * MARGIN) for n in geometry.patch_size]
    thick = geometry.thick_axis
    turn = [0.3] * dims if dims == 3 else 0.5
    if thick is not None:  # through thick slices, a rotation would smear more than it teaches
        region[thick] = geometry.patch_size[thick]
        turn = [0.3 if axis == thick else 0.0 for axis in range(dims)]
    scale = [0.0 if axis == thick else 0.2 for axis in range(dims)]
    smooth = {f"sigma_{axis}": [0.3, 1.0] for axis in "xyz"[:dims]}
    steps: list[dict[str, Any]] = [
        {"_target_": "SpatialPadd", "keys": "image", "spatial_size": region, "value": "@padding_value"},
        {"_target_": "SpatialPadd", "keys": "label", "spatial_size": region},
        {"_target_": "EnsureTyped", "keys": BOTH, "track_meta": False},
        {
            "_target_": "RandCropByPosNegLabeld",
            "keys": BOTH,
            "label_key": "label",
            "spatial_size": region,
            "pos": 2,
            "neg": 1,
            "num_samples": 1,
        },
        {
            "_target_": "RandAffined",
            "keys": BOTH,
            "prob": 0.7,
            "rotate_range": turn,
            "scale_range": scale,
            "spatial_size": "@patch_size",
            "mode": ["bilinear", "nearest"],
            "padding_mode": "border",
        },
        {"_target_": "CenterSpatialCropd", "keys": BOTH, "roi_size": "@patch_size"},
    ]
    for axis in sides.flips:
        step = {"_target_": "RandFlipd", "keys": BOTH, "prob": 0.5, "spatial_axis": axis}
        if sides.pairs:
            step |= {"_target_": "monai_attn.data.RandFlipSwapd", "swap": "@left_right_pairs"}
        steps.append(step)
    return [
        *steps,
        {"_target_": "RandGaussianNoised", "keys": "image", "prob": 0.2, "std": 0.1},
        {"_target_": "RandGaussianSmoothd", "keys": "image", "prob": 0.2, **smooth},
        {"_target_": "RandScaleIntensityd", "keys": "image", "prob": 0.3, "factors": 0.25},
        {"_target_": "RandShiftIntensityd", "keys": "image", "prob": 0.3, "offsets": 0.1},
    ]


def make_spec(
    fingerprint: Fingerprint, geometry: PlannedGeometry, width: int, batch_size: int
) -> tuple[dict[str, Any], list[str]]:
    """``bundle.json`` but for what depends on time, and the reasons for its choices.

    Returns:
        the spec, as :func:`monai_attn.bundle.render` takes it, and one sentence for each choice.
    """
    steps, nothing, why = image_transforms(fingerprint, geometry)
    sides = find_sides(fingerprint)
    common: dict[str, Any] = {
        "patch_size": list(geometry.patch_size),
        "padding_value": nothing,
        "class_names": list(fingerprint.class_names),
        "network_def": network_definition(fingerprint, geometry, width),
        "image_transforms": steps,
    }
    if sides.pairs:
        common["left_right_pairs"] = sides.pairs
    spec: dict[str, Any] = {
        "common": common,
        "prediction": {"tta_axes": sides.flips},
        "evaluate": {"surface_tolerance": 2.0, "distance_unit": "voxel"}
        if fingerprint.spatial_dims == 2
        else {"surface_tolerance": float(f"{max(geometry.spacing_mm):.3g}")},
        "train": {
            "max_epochs": 1,
            "learning_rate": 0.003,
            "batch_size": batch_size,
            "label_transforms": label_transforms(geometry, fingerprint.spatial_dims),
            "augmentation": augmentation(fingerprint, geometry, sides),
        },
    }
    if fingerprint.spatial_dims == 2:
        spec["prediction"]["sw_batch_size"] = spec["train"]["validate::inferer::sw_batch_size"] = 4
        spec["prediction"]["logits_to_labels"] = [{"_target_": "AsDiscreted", "keys": "pred", "argmax": True}]
        softmax = {"_target_": "Activationsd", "keys": "pred", "softmax": True}
        spec["inference_probabilities"] = {"logits_to_labels": [softmax]}
    return spec, [why, f"{POSITIVE} {sides.reason}"]


def _placing(geometry: PlannedGeometry, key: str, mode: str) -> list[dict[str, Any]]:
    if not geometry.spacing_mm:
        return []
    return [
        {"_target_": "Orientationd", "keys": key, "axcodes": "RAS", "labels": None},
        {"_target_": "Spacingd", "keys": key, "pixdim": list(geometry.spacing_mm), "mode": mode},
    ]


def _short(values: tuple[int, ...]) -> int | list[int]:
    return values[0] if len(set(values)) == 1 else list(values)
