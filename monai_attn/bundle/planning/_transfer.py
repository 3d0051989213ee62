"""Plan from a bundle that exists: its network, processing and weights stay, what the new data need is replaced."""

import json
from os import PathLike
from pathlib import Path
from typing import Any

from monai.bundle import ConfigParser

from ..._paths import path_argument
from ..._shipped_bundles import bundle_dir, check_inside
from ...data import Fingerprint
from ...networks import load_weights
from ...networks._checksum import check_sha256, write_sha256
from .._render import rendered_files
from .._switches import names_of_data
from ._left_right import find_sides

__all__ = ["copy_weights", "freeze_encoder", "like_spec"]

FLIPS = ("RandFlipd", "monai_attn.data.RandFlipSwapd")
WEIGHTS = "pretrained/model"
FINETUNE_RATE = 0.001
FROZEN_EPOCHS = 1
LARGEST = ("KeepLargestConnectedComponentd", "monai_attn.data.KeepLargestInSlicesd")


def like_spec(
    like: str, weights: str | PathLike[str], fingerprint: Fingerprint
) -> tuple[dict[str, Any], list[str], Path | None]:
    """``bundle.json`` of another bundle, changed for the classes and channels of a data set.

    Args:
        like: a shipped bundle's name, or the folder of one with ``bundle.json``.
        weights: "auto" for that bundle's, "none", or a checkpoint of the same network.
        fingerprint: of the data.

    Returns:
        the spec, the reasons, and the checkpoint to start from.

    Raises:
        ValueError: when the bundle does not suit the data, or the weights do not suit the network.
    """
    source, spec = _read(like)
    common, train, prediction = (spec.setdefault(part, {}) for part in ("common", "train", "prediction"))
    modality = (
        spec.pop("metadata", {}).get("network_data_format", {}).get("inputs", {}).get("image", {}).get("modality")
    )
    for section in spec.values():
        for key in {*names_of_data(), "run"}:  # that is where a planned bundle's weights are adapted
            section.pop(key, None)
    network = common["network_def"]
    if network["spatial_dims"] != fingerprint.spatial_dims:
        raise ValueError(
            f"like='{like}' is {network['spatial_dims']}D, but the data are {fingerprint.spatial_dims}D: "
            "choose another bundle, or leave --like out"
        )
    names = list(fingerprint.class_names)
    same_classes, before = names == common["class_names"], network["in_channels"]
    reasons = [f"Network, spacing, intensities and augmentation are those of `{source.name}`."]
    if modality and modality != fingerprint.modality:
        reasons.append(
            f"CAUTION: `{source.name}` is for {modality}, these data are {fingerprint.modality} "
            f"({fingerprint.why_modality}); its intensities hardly suit them. Consider a plan without --like."
        )
    common["class_names"] = names
    network["out_channels"], network["in_channels"] = len(names) + 1, fingerprint.in_channels
    others = f"The classes are others ({', '.join(names)}), so the head is another."
    reasons.append("The classes are the same." if same_classes else others)
    if not same_classes or fingerprint.left_right_pairs is not None:
        _change_classes(fingerprint, common, train, prediction, reasons)
    checkpoint = _checkpoint(source, weights)
    if checkpoint is None:
        reasons.append("Training starts from random weights, as asked.")
        return spec, reasons, None
    adapt = None
    if fingerprint.in_channels != before:
        adapt = "repeat" if fingerprint.in_channels > before else "average"
        reasons.append(f"The weights know {before} image channel(s), the data have {fingerprint.in_channels}: {adapt}.")
    inner: Any = ConfigParser({"network_def": network}).get_parsed_content("network_def")
    load_weights(inner, checkpoint, skip_head=not same_classes, adapt_input=adapt)  # refuse now, not at training
    train["pretrained"] = f"$monai_attn.bundle.path_in(@bundle_root, '{WEIGHTS}{checkpoint.suffix}')"
    if adapt or not same_classes:
        start = {"_target_": "monai_attn.bundle.warm_start", "network": "@network", "pretrained": "@pretrained"}
        fitted = {"skip_head": not same_classes, "adapt_input": adapt}
        train["run"] = [start | {key: value for key, value in fitted.items() if value}, "$@train::trainer.run()"]
    if same_classes:  # a new head has far to go, which a small rate would not let it in a short training
        train["learning_rate"] = FINETUNE_RATE
    kept = "all of them" if same_classes else "all but the head"
    whose = f"`{source.name}`'s weights" if weights == "auto" else f"the weights in `{checkpoint.name}`"
    reasons.append(f"Training starts from {whose}, {kept}, with a learning rate of {train['learning_rate']}.")
    return spec, reasons, checkpoint


def freeze_encoder(train: dict[str, Any], reasons: list[str]) -> None:
    """With a new head on trained weights, leave the encoder alone at first, if there are epochs to spare."""
    if "run" in train and train["run"][0].get("skip_head") and train["max_epochs"] > 4 * FROZEN_EPOCHS:
        train["freeze_encoder_epochs"] = FROZEN_EPOCHS
        reasons.append(
            f"In the first {FROZEN_EPOCHS} epoch(s) the encoder is left alone: a new head's first gradients are noise."
        )


def copy_weights(checkpoint: Path, root: Path) -> None:
    """Put the checkpoint and its SHA-256 into the new bundle, so that the bundle can be moved."""
    target = root / f"{WEIGHTS}{checkpoint.suffix}"
    target.parent.mkdir(parents=True, exist_ok=True)
    content = checkpoint.read_bytes()
    check_sha256(checkpoint, content)
    target.write_bytes(content)
    write_sha256(target, content)


def _read(like: str) -> tuple[Path, dict[str, Any]]:
    """Folder and spec of a bundle."""
    given = Path(like)
    source = given if given.is_dir() else bundle_dir(like)
    path = source / "bundle.json"
    if not path.is_file():
        raise ValueError(f"like='{like}' has no bundle.json: pass a bundle of monai-attn, or one that it planned")
    try:
        spec: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        rendered_files(source)
    except ValueError as error:
        reason = str(error) if str(path) in str(error) else f"'{path}' cannot be read as JSON ({error}): correct it"
        raise ValueError(f"like='{like}': {reason}") from error
    return source, spec


def _change_classes(
    fingerprint: Fingerprint,
    common: dict[str, Any],
    train: dict[str, Any],
    prediction: dict[str, Any],
    reasons: list[str],
) -> None:
    """Pairs, flips and cleaning that suit the new classes."""
    common.pop("left_right_pairs", None)
    pairs, allowed, reason = find_sides(fingerprint)
    if pairs:
        common["left_right_pairs"] = pairs
    steps = train["augmentation"]
    train["augmentation"] = [s for s in steps if s["_target_"] not in FLIPS or s.get("spatial_axis", 0) in allowed]
    for step in train["augmentation"]:
        if pairs and step["_target_"] == FLIPS[0]:
            step |= {"_target_": FLIPS[1], "swap": "@left_right_pairs"}
    prediction["tta_axes"] = [axis for axis in prediction.get("tta_axes", []) if axis in allowed]
    if len(train["augmentation"]) < len(steps):
        reasons.append(f"Its flips are left out. {reason}")
    cleaning = prediction.get("label_postprocessing", [])
    if any(step["_target_"] in LARGEST for step in cleaning):
        prediction["label_postprocessing"] = [step for step in cleaning if step["_target_"] not in LARGEST]
        reasons.append("Keeping the largest component is left out: whether that suits these classes is not known.")


def _checkpoint(source: Path, weights: str | PathLike[str]) -> Path | None:
    if weights == "none":
        return None
    path = source / "models" / "model.pt" if weights == "auto" else path_argument("weights", weights)
    if not path.is_file():
        cure = "pass --weights none to start from scratch" if weights == "auto" else "pass a checkpoint, auto or none"
        raise FileNotFoundError(f"weights='{path}' does not exist: {cure}")
    if weights == "auto":  # the bundle may be a stranger's; a path that was passed may lead anywhere
        check_inside(source, path)
    return path
