"""The ``metadata.json`` of a planned bundle, per the model zoo's schema."""

from typing import Any

from ...data import Fingerprint

__all__ = ["describe_bundle"]

REFERENCES = [
    "Oktay et al., Attention U-Net: Learning Where to Look for the Pancreas, MIDL 2018, arXiv:1804.03999",
    "Isensee et al., nnU-Net: a self-configuring method for deep learning-based biomedical image segmentation, "
    "Nature Methods 18:203-211, 2021",
]


def describe_bundle(name: str, fingerprint: Fingerprint, spec: dict[str, Any], data_name: str) -> dict[str, Any]:
    """The section ``metadata`` of ``bundle.json``.

    Args:
        name: of the bundle.
        fingerprint: of its data.
        spec: the other sections.
        data_name: name of the data set's folder.
    """
    classes, patch = list(fingerprint.class_names), list(spec["common"]["patch_size"])
    network = spec["common"]["network_def"]
    listed = ", ".join(f"{k} {label}" for k, label in enumerate(classes, start=1))
    ct = fingerprint.modality == "CT"
    count = network["in_channels"]
    numbered = ["image" if count == 1 else f"channel {k}" for k in range(count)]
    channels = list(fingerprint.channel_names) or spec["common"].get("channel_names") or numbered
    shape = {"spatial_shape": patch, "dtype": "float32", "value_range": [], "is_patch_data": True}
    extent = " x ".join(f"{size:.3g}" for size in fingerprint.extent_mm)
    return {
        "version": "0.1.0",
        "changelog": {"0.1.0": "planned"},
        "name": name,
        "task": f"Segmentation of {', '.join(label.replace('_', ' ') for label in classes)}",
        "description": f"Attention-gated U-Net planned by monai-attn for {fingerprint.num_cases} cases of {data_name}",
        "authors": "planned by monai-attn; trained by the user",
        "copyright": "the weights are those of whoever trains them",
        "data_source": data_name,
        "image_classes": f"{network['in_channels']} channel(s) of {fingerprint.modality}: {', '.join(channels)}",
        "expected_input": f"{fingerprint.modality} with about {extent} mm in view, as in training",
        "label_classes": f"single channel, 0 background, {listed}",
        "pred_classes": f"{len(classes) + 1} channels of logits: background, {', '.join(classes)}",
        "eval_metrics": {},
        "references": REFERENCES,
        "network_data_format": {
            "inputs": {
                "image": {
                    "type": "image",
                    "format": "hounsfield" if ct else "magnitude",
                    "modality": fingerprint.modality,
                    "num_channels": network["in_channels"],
                    **shape,
                    "channel_def": {str(k): channel for k, channel in enumerate(channels)},
                }
            },
            "outputs": {
                "pred": {
                    "type": "image",
                    "format": "segmentation",
                    "num_channels": len(classes) + 1,
                    **shape,
                    "channel_def": {str(k): label for k, label in enumerate(["background", *classes])},
                }
            },
        },
    }
