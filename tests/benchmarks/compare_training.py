"""Networks at equal training time on one data set: ``python tests/benchmarks/compare_training.py --help``.

First every network trains a few steps in turn; the given seconds divided by its median step are the steps that it gets.
What disturbs the machine later then costs none of them anything, and a seed gives the same result again. All get the
same data, patches, optimizer and schedule, and are scored on the same held-out fold: Dice averaged over cases within
each class, then over classes. Seeds change the weights, the order and the patches. Begin on a quiet machine.
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


def train(network: nn.Module, data: list[dict], options: argparse.Namespace, seed: int, steps: int) -> list[float]:
    """Train that many steps; returns the seconds that each took."""
    crop = RandCropByPosNegLabeld(KEYS, "label", options.patch, pos=2, neg=1, num_samples=1)
    crop.set_random_state(seed)
    loss_function = DiceCELoss(to_onehot_y=True, softmax=True)
    optimizer = torch.optim.AdamW(network.parameters(), lr=options.learning_rate)
    generator = torch.Generator().manual_seed(seed)
    network.train()
    times: list[float] = []
    order: list[int] = []
    for step in range(steps):
        start = time.perf_counter()
        for group in optimizer.param_groups:
            group["lr"] = options.learning_rate * (1 - step / steps) ** 0.9
        if len(order) < options.batch:
            order = torch.randperm(len(data), generator=generator).tolist()
        batch = [crop(data[order.pop()])[0] for _ in range(options.batch)]
        image, label = (torch.stack([item[key] for item in batch]) for key in KEYS)
        optimizer.zero_grad()
        loss_function(network(image), label).backward()
        optimizer.step()
        times.append(time.perf_counter() - start)
    return times


def affordable_steps(candidates: dict[str, nn.Module], data: list[dict], options: argparse.Namespace) -> list[int]:
    """Steps of each network in the given seconds: three at a time in turn, the first of each left out."""
    times: dict[str, list[float]] = {name: [] for name in candidates}
    for _ in range(6):
        for name, network in candidates.items():
            times[name] += train(network, data, options, seed=0, steps=3)[1:]
    return [int(options.seconds / statistics.median(seconds)) for seconds in times.values()]


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
    parser.add_argument("--steps", type=int, nargs="+", help="of each network, as printed by an earlier run")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
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

    def candidates() -> dict[str, nn.Module]:
        every = networks(len(options.patch), options.channels, options.classes)
        return {name: every[name] for name in options.networks or every}

    names = list(candidates())
    steps = dict(zip(names, options.steps or affordable_steps(candidates(), training, options), strict=True))
    print(f"{options.seconds:.0f} s, {torch.get_num_threads()} thread(s): {steps}", flush=True)
    scores: dict[str, list[float]] = {name: [] for name in names}
    for seed in options.seeds:
        for name in names:
            set_determinism(seed)
            network = candidates()[name]
            train(network, training, options, seed, steps[name])
            mean, classes = score(network, validation, options)
            scores[name].append(mean)
            shown = " ".join(f"{dice:.3f}" for dice in classes)
            print(f"seed {seed} {name}: mean Dice {mean:.4f} ({shown})", flush=True)
    print("\n| network | steps | mean Dice | spread (min to max) |\n| --- | --- | --- | --- |")
    for name in names:
        mean, low, high = statistics.mean(scores[name]), min(scores[name]), max(scores[name])
        print(f"| {name} | {steps[name]} | {mean:.3f} | {low:.3f} to {high:.3f} |")


if __name__ == "__main__":
    main()
