"""Check, plan, train, evaluate and segment generated data, in minutes: ``monai-attn demo --train``."""

import csv
import json
import shlex
import time
from os import PathLike
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from monai.bundle import run
from numpy.typing import NDArray

from ..bundle import check_device, check_output_dir, plan
from ..data import check

__all__ = ["demo_training", "generate_data"]

NAME = "two_organs"
SHAPE, SPACING_MM = (56, 48, 24), (1.5, 1.5, 3.0)
HOURS = 0.025  # a minute and a half of training
HU = {"air": -1000.0, "body": 40.0, "left_organ": 110.0, "right_organ": 160.0}


def demo_training(output_dir: str | PathLike[str] = "monai-attn-demo", device: str | None = None) -> Path:
    """Generate CT-like volumes, then check, plan, train, evaluate and segment; print the command of each step.

    Args:
        output_dir: folder for ``data/``, ``new/``, the bundle, ``scores/`` and ``labels/``.
        device: device to run on, for example "cpu" or "cuda:1"; by default CUDA if available.

    Returns:
        folder of the bundle.

    Raises:
        ValueError: when the folder contains results of an earlier demo.
    """
    check_device(device or "cpu")
    root = check_output_dir(output_dir)
    taken = [name for name in ("data", "new", NAME, "scores", "labels") if (root / name).exists()]
    if taken:
        raise ValueError(f"output_dir='{root}' contains '{taken[0]}' already: remove it, or use a new folder")
    start = time.perf_counter()
    data, new = root / "data", root / "new"
    generate_data(data, new)
    where_to = f" --device {device}" if device else ""
    bundle, monai = root / NAME, "python -m monai.bundle run --config_file"
    _say(f"monai-attn check {_typed(data)}")
    report = check(data)
    print(report.table())
    _say(f"monai-attn plan {_typed(data)} --name {NAME} --hours {HOURS} --output_dir {_typed(root)}{where_to}")
    result = plan(data, NAME, root, hours=HOURS, device=device)
    print("\n".join(f"- {reason}" for reason in result.reasons))
    typed = f"{_typed(bundle)}/configs"
    common: dict[str, Any] = {"bundle_root": str(bundle), **({"device": device} if device else {})}
    _say(f"{monai} {typed}/train.json --bundle_root {_typed(bundle)}{where_to}")
    run(config_file=str(bundle / "configs" / "train.json"), **common)
    scores = str(root / "scores")
    scored = f"--fold 0 --output_dir {_typed(scores)}"
    _say(f"{monai} {typed}/evaluate.json --bundle_root {_typed(bundle)}{where_to} {scored}")
    run(config_file=str(bundle / "configs" / "evaluate.json"), fold=0, output_dir=scores, **common)
    where = {"dataset_dir": str(new), "output_dir": str(root / "labels")}
    flags = " ".join(f"--{key} {_typed(value)}" for key, value in where.items())
    _say(f"{monai} {typed}/inference.json --bundle_root {_typed(bundle)}{where_to} {flags}")
    run(config_file=str(bundle / "configs" / "inference.json"), **common, **where)
    with (root / "scores" / "dice_per_class.csv").open(newline="", encoding="utf-8") as file:
        rows = {row["class"]: float(row["mean"]) for row in csv.DictReader(file)}
    shown = ", ".join(f"{name} {dice:.3f}" for name, dice in rows.items())
    print(f"\nDice on the held-out cases: {shown}\nlabel maps: {root / 'labels'}\nbundle:     {bundle}")
    print(f"{time.perf_counter() - start:.0f} s in all, on generated volumes; real data take longer and score lower.")
    return bundle


def generate_data(data: Path, new: Path, cases: int = 15, seed: int = 0) -> None:
    """Write cases with labels to ``data``, and two more images without labels to ``new``.

    Each image, in HU with noise, shows a body with two ellipsoids of varying position, size and rotation.
    """
    rng = np.random.default_rng(seed)
    affine = np.diag([*SPACING_MM, 1.0])
    for folder in (data / "imagesTr", data / "labelsTr", new):
        folder.mkdir(parents=True, exist_ok=True)
    for index in range(cases + 2):
        image, label = _volume(rng)
        name = f"case_{index:02d}.nii.gz"
        _save(image, affine, (data / "imagesTr" if index < cases else new) / name)
        if index < cases:
            _save(label, affine, data / "labelsTr" / name)
    labels = {"0": "background", "1": "left_organ", "2": "right_organ"}
    training = [
        {"image": f"imagesTr/case_{k:02d}.nii.gz", "label": f"labelsTr/case_{k:02d}.nii.gz"} for k in range(cases)
    ]
    content = {"name": NAME, "modality": {"0": "CT"}, "labels": labels, "training": training}
    (data / "dataset.json").write_text(json.dumps(content, indent=2), encoding="utf-8")


def _volume(rng: np.random.Generator) -> tuple[NDArray[np.int16], NDArray[np.uint8]]:
    axes = [np.arange(n) * s for n, s in zip(SHAPE, SPACING_MM, strict=True)]
    place = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1) - [
        (n - 1) * s / 2 for n, s in zip(SHAPE, SPACING_MM, strict=True)
    ]
    image = np.where(_inside(place, (0, 0, 0), (38, 32, 60)), HU["body"], HU["air"])
    label = np.zeros(SHAPE, np.uint8)
    for value, name, side in ((1, "left_organ", -1), (2, "right_organ", 1)):
        centre = np.array([side * 17, 0, 0]) + rng.uniform(-4, 4, 3)
        organ = _inside(place, centre, rng.uniform((6, 9, 9), (10, 14, 16)), rng.uniform(-0.4, 0.4))
        image[organ], label[organ] = HU[name], value
    return np.round(image + rng.normal(0, 40, SHAPE)).astype(np.int16), label


def _inside(place: NDArray[Any], centre: Any, radii: Any, turn: float = 0.0) -> NDArray[np.bool_]:
    """Mask of an ellipsoid that is rotated about the third axis, by ``turn`` radians."""
    cos, sin = np.cos(turn), np.sin(turn)
    along = (place - centre) @ np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])
    inside: NDArray[np.bool_] = ((along / radii) ** 2).sum(-1) < 1
    return inside


def _save(array: NDArray[Any], affine: NDArray[Any], path: Path) -> None:
    image: Any = nib.Nifti1Image(array, affine)  # type: ignore[no-untyped-call]
    nib.save(image, path)


def _typed(path: str | PathLike[str]) -> str:
    return shlex.quote(str(path))


def _say(command: str) -> None:
    print(f"\n$ {command}", flush=True)
