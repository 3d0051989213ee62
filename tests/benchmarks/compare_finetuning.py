"""Does it pay to start from shipped weights? ``python tests/benchmarks/compare_finetuning.py --help``.

From cases that the weights of the hippocampus bundle have never seen (its fold 0), eight train and the others are
held back, drawn anew for each seed. The classes are merged into one, so that the head must start anew. Both bundles
come from ``monai-attn plan --like``, one with the weights and one without, and train the same number of steps; both
are scored after the last one, not after the best.
"""

import argparse
import json
import random
import statistics
import tempfile
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
from monai.bundle import run

from monai_attn.bundle import plan, render_spec
from monai_attn.data import find_cases, split_cases

LIKE = "hippocampus_mri_attn_segmentation"


def write_data(cases: list[dict], root: Path, seed: int, training: int) -> None:
    """A data set with that many cases for training, the others as fold 0, and one class."""
    names = [case["case"] for case in cases]
    random.Random(seed).shuffle(names)  # noqa: S311 (no secret)
    entries = []
    for case in cases:
        label = nib.load(case["label"])
        path = root / "labels" / f"{case['case']}.nii.gz"
        path.parent.mkdir(parents=True, exist_ok=True)
        nib.save(nib.Nifti1Image((np.asarray(label.dataobj) > 0).astype(np.uint8), label.affine), path)
        held = {"fold": 0} if case["case"] in names[training:] else {}
        image = str(Path(case["image"]).resolve())
        entries.append({"image": image, "label": f"labels/{path.name}", **held})
    content = {"labels": {"0": "background", "1": "hippocampus"}, "modality": {"0": "MRI"}, "training": entries}
    (root / "dataset.json").write_text(json.dumps(content))


def train_and_score(root: Path, scores: Path) -> float:
    """Mean Dice of the last epoch's weights on the held-back cases."""
    configs = root / "configs"
    run(config_file=str(configs / "train.json"), bundle_root=str(root))
    run(
        config_file=str(configs / "evaluate.json"),
        bundle_root=str(root),
        ckpt_path=str(root / "models" / "model_final.pt"),
        output_dir=str(scores),
        fold=0,
    )
    return float(pd.read_csv(scores / "dice_per_class.csv").set_index("class").loc["mean", "mean"])


def main() -> None:
    """Print a line for each training, then the table."""
    parser = argparse.ArgumentParser(description="Fine-tuning against training from scratch at equal steps.")
    parser.add_argument("dataset_dir", type=Path, help="Task04_Hippocampus of the Medical Segmentation Decathlon")
    parser.add_argument("--hours", type=float, default=0.05, help="for each training")
    parser.add_argument("--training", type=int, default=8, help="number of training cases")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    options = parser.parse_args()
    unseen = split_cases(find_cases(options.dataset_dir, labelled=True), options.dataset_dir, 0)[1]
    scores: dict[str, list[float]] = {"auto": [], "none": []}
    schedule: dict[str, int] = {}
    for seed in options.seeds:
        with tempfile.TemporaryDirectory() as folder:
            data = Path(folder) / "data"
            write_data(unseen, data, seed, options.training)
            for weights, found in scores.items():
                result = plan(data, weights, folder, LIKE, weights, hours=options.hours, seed=seed, progress=False)
                train = result.spec["train"]
                schedule = schedule or {key: train[key] for key in ("max_epochs", "repeats", "val_interval")}
                train |= schedule
                render_spec(result.spec, result.bundle_root)
                found.append(train_and_score(result.bundle_root, Path(folder) / f"scores_{weights}"))
                print(f"seed {seed} weights {weights}: {schedule}, mean Dice {found[-1]:.4f}", flush=True)
    print("\n| start | mean Dice | spread (min to max) |\n| --- | --- | --- |")
    for name, weights in (("shipped weights, new head", "auto"), ("scratch", "none")):
        found = scores[weights]
        print(f"| {name} | {statistics.mean(found):.3f} | {min(found):.3f} to {max(found):.3f} |")


if __name__ == "__main__":
    main()
