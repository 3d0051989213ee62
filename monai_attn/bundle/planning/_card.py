"""The ``docs/README.md`` of a planned bundle: what was measured, what was chosen and why, and the commands."""

from collections.abc import Sequence
from pathlib import Path

from ..._shown_names import printable
from ...data import DataReport, Fingerprint

__all__ = ["write_card"]


def write_card(
    root: Path,
    name: str,
    fingerprint: Fingerprint,
    report: DataReport,
    reasons: Sequence[str],
    fold: int | str,
    command: str,
) -> None:
    """Write it.

    Args:
        root: folder of the bundle, perhaps of another name yet.
        name: of the bundle.
        fingerprint: of the data.
        report: of the check.
        reasons: one sentence or more for each choice.
        fold: held back.
        command: that planned the bundle.
    """
    data = Path(report.dataset_dir).resolve().name
    volumes = "\n".join(
        f"| {k} | {label} | {volume / 1000:.3g} |"
        for k, (label, volume) in enumerate(
            zip(fingerprint.class_names, fingerprint.class_volumes_mm3, strict=True), start=1
        )
    )
    spacing = " x ".join(f"{size:.3g}" for size in fingerprint.spacing_mm)
    axes = "as stored" if fingerprint.spatial_dims == 2 else "of images turned to RAS"
    unit = "mL" if fingerprint.spatial_dims == 3 else "1000 mm2"
    warnings = [finding for finding in report.findings if finding.level == "warning"]
    found = "\n".join(f"- {finding.text}" for finding in warnings[:10]) or "- nothing"
    if len(warnings) > 10:
        found += f"\n- and {len(warnings) - 10} more, see `monai-attn check`"
    notes = "".join(f"\n- {note}" for note in report.notes)
    chosen = "\n".join(f"- {reason}" for reason in reasons)
    text = f"""# {name}

A MONAI bundle that `monai-attn plan` made for the data set `{data}`. For research and teaching, not for diagnosis.
It has no score until it has been evaluated.

## Data

{fingerprint.num_cases} cases of {fingerprint.in_channels} channel(s), median shape {_times(fingerprint.shape)}, median
spacing {spacing} mm, axes {axes}.

| label | class | median volume ({unit}) |
| --- | --- | --- |
{volumes}

What the check had to say:

{found}{notes}

## Choices

{chosen}

All of them stand in `bundle.json`; after a change there, `monai-attn render <this folder>` writes `configs/` anew.

## Commands

With `B` for this folder; `--dataset_dir` names the data, should they no longer lie where they did.

```sh
python -m monai.bundle run --config_file B/configs/train.json --bundle_root B
python -m monai.bundle run --config_file B/configs/evaluate.json --bundle_root B --fold {fold} \\
    --output_dir scores
python -m monai.bundle run --config_file B/configs/inference.json --bundle_root B --dataset_dir new --output_dir out
```

Training writes `models/model.pt`, which the other two read; one that was interrupted goes on with
`--config_file "['B/configs/train.json','B/configs/resume.json']"`. Planned by

```sh
{command}
```
"""
    path = root / "docs" / "README.md"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(printable(text), encoding="utf-8")


def _times(values: Sequence[int]) -> str:
    return " x ".join(map(str, values))
