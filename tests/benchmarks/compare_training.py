"""Networks at equal training time on one data set: ``python tests/benchmarks/compare_training.py --help``.

Every network gets the same wall time, data, patches, optimizer and schedule, and is scored on the same held-out fold:
Dice averaged over cases within each class, then over classes. Seeds change the weights, the order and the patches. Run
it alone on the machine; seeds are the outer loop, so that a busy hour hits every network.
"""

import argparse
import statistics
import time
from pathlib import Path

import torch
from bench_networks import networks
from monai.data import Dataset
from monai.inferers import sliding_window_inference
from monai.losses import DiceCELoss
from monai.transforms import (
    AsDiscrete,
    Compose,
    EnsureTyped,
    LoadImaged,
    NormalizeIntensityd,
    Orientationd,
    RandCropByPosNegLabeld,
    ScaleIntensityRanged,
    Spacingd,
    SpatialPadd,
)
from monai.utils import set_determinism
from torch import nn

from monai_attn.data import find_cases, split_cases
from monai_attn.handlers import MacroDice

KEYS = ("image", "label")


def load(cases: list[dict[str, str]], options: argparse.Namespace) -> list[dict]:
    """Read and preprocess all cases once."""
    steps = [LoadImaged(KEYS, ensure_channel_first=True)]
    if len(options.patch) == 3:
        steps.append(Orientationd(KEYS, axcodes="RAS", labels=None))
    if options.spacing:
        steps.append(Spacingd(KEYS, pixdim=options.spacing, mode=("bilinear", "nearest")))
    if options.window:
        low, high = options.window
        steps.append(ScaleIntensityRanged("image", low, high, -1.0, 1.0, clip=True))
    else:
        steps.append(NormalizeIntensityd("image"))
    steps += [SpatialPadd(KEYS, options.patch), EnsureTyped(KEYS, track_meta=False)]
    return list(Dataset(cases, Compose(steps)))


def train(network: nn.Module, data: list[dict], options: argparse.Namespace, seed: int) -> int:
    """Train for the given wall time; returns the number of steps."""
    crop = RandCropByPosNegLabeld(KEYS, "label", options.patch, pos=2, neg=1, num_samples=1)
    crop.set_random_state(seed)
    loss_function = DiceCELoss(to_onehot_y=True, softmax=True)
    optimizer = torch.optim.AdamW(network.parameters(), lr=options.learning_rate)
    generator = torch.Generator().manual_seed(seed)
    network.train()
    start, steps, order = time.perf_counter(), 0, []
    while (elapsed := time.perf_counter() - start) < options.seconds:
        for group in optimizer.param_groups:
            group["lr"] = options.learning_rate * (1 - elapsed / options.seconds) ** 0.9
        if len(order) < options.batch:
            order = torch.randperm(len(data), generator=generator).tolist()
        batch = [crop(data[order.pop()])[0] for _ in range(options.batch)]
        image, label = (torch.stack([item[key] for item in batch]) for key in KEYS)
        optimizer.zero_grad()
        loss_function(network(image), label).backward()
        optimizer.step()
        steps += 1
    return steps


def score(network: nn.Module, data: list[dict], options: argparse.Namespace) -> tuple[float, list[float]]:
    """Mean Dice and Dice of each class on held-out cases."""
    metric, one_hot = MacroDice(), AsDiscrete(to_onehot=options.classes)
    network.eval()
    with torch.no_grad():
        for item in data:
            logits = sliding_window_inference(item["image"][None], options.patch, 4, network, overlap=0.25)
            metric(one_hot(logits[0].argmax(0, keepdim=True))[None], one_hot(item["label"])[None])
    return float(metric.aggregate()), metric.get_buffer().nanmean(0).tolist()


def main() -> None:
    """Print a line for each training, then the table."""
    parser = argparse.ArgumentParser(description="Networks at equal training time on one data set.")
    parser.add_argument("dataset_dir", type=Path)
    parser.add_argument("--classes", type=int, required=True, help="number of classes with background")
    parser.add_argument("--patch", type=int, nargs="+", required=True, help="two or three numbers")
    parser.add_argument("--spacing", type=float, nargs="+", help="mm; as stored if not given")
    parser.add_argument("--window", type=float, nargs=2, help="HU window, for CT; z-score of each image if not given")
    parser.add_argument("--seconds", type=float, default=150)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--fold", default="0")
    parser.add_argument("--channels", type=int, nargs="+", default=[16, 32, 64, 128])
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--learning_rate", type=float, default=3e-3)
    parser.add_argument("--networks", nargs="+", help="names as bench_networks prints them; all if not given")
    options = parser.parse_args()
    training, validation = split_cases(
        find_cases(options.dataset_dir, labelled=True), options.dataset_dir, options.fold
    )
    training, validation = load(training, options), load(validation, options)
    names = options.networks or list(networks(len(options.patch), options.channels, options.classes))
    scores: dict[str, list[float]] = {name: [] for name in names}
    steps: dict[str, list[int]] = {name: [] for name in names}
    for seed in range(options.seeds):
        for name in names:
            set_determinism(seed)
            network = networks(len(options.patch), options.channels, options.classes)[name]
            steps[name].append(train(network, training, options, seed))
            mean, classes = score(network, validation, options)
            scores[name].append(mean)
            shown = " ".join(f"{dice:.3f}" for dice in classes)
            print(f"seed {seed} {name}: {steps[name][-1]} steps, mean Dice {mean:.4f} ({shown})", flush=True)
    print(f"\n{options.seconds:.0f} s of training, {torch.get_num_threads()} thread(s), {options.seeds} seeds\n")
    print("| network | steps | mean Dice | spread (min to max) |\n| --- | --- | --- | --- |")
    for name in names:
        mean, low, high = statistics.mean(scores[name]), min(scores[name]), max(scores[name])
        print(f"| {name} | {statistics.median(steps[name]):.0f} | {mean:.3f} | {low:.3f} to {high:.3f} |")


if __name__ == "__main__":
    main()
