"""How long a step takes and how much memory it holds, measured on the device at hand; epochs that fit into the time."""

import statistics
import time
from collections.abc import Sequence
from contextlib import redirect_stderr
from dataclasses import dataclass
from io import StringIO
from typing import Any

import torch
from monai.bundle import ConfigParser
from monai.data.utils import dense_patch_slices
from monai.utils import fall_back_tuple

from ..._memory import half_of_memory_gb
from .._render import render_config

__all__ = ["Cost", "Schedule", "fit_schedule", "free_memory_gb", "measure_cost"]

STEPS = 5
TIMED = 2  # windows that are timed along each axis, side by side
VALIDATION_SHARE = 0.15  # of the time
MOST_VALIDATIONS = 20
MOST_EPOCHS = 100
PASSING = 1.8  # peak over what autograd holds: 64 x 64 x 64, batch 2, 13 classes took 0.315 GB and held 0.179
RESERVE = 0.9  # of the time budget; the rest is for reading, checking and saving


@dataclass(frozen=True)
class Cost:
    """What training costs here.

    Attributes:
        step_s: median seconds of a training step, its random transforms included.
        case_s: seconds to validate one case.
        step_gb: what one step takes, in 10**9 bytes: weights, gradients, the optimizer's state, and what is held for
            backward, times what passes by (on a CPU; on CUDA the peak is measured).
        case_gb: what one preprocessed case takes in the cache.
    """

    step_s: float
    case_s: float
    step_gb: float
    case_gb: float


@dataclass(frozen=True)
class Schedule:
    """How long to train.

    Attributes:
        max_epochs: epochs.
        repeats: how often each case occurs in one.
        val_interval: epochs between validations.
        steps: training steps in all.
        seconds: what that should take.
    """

    max_epochs: int
    repeats: int
    val_interval: int
    steps: int
    seconds: float


def measure_cost(spec: dict[str, Any], cases: list[dict[str, Any]], device: torch.device) -> Cost:
    """Train a few steps on a few cases, exactly as the bundle would, and throw the result away.

    Args:
        spec: content of ``bundle.json``.
        cases: up to a handful, as :func:`monai_attn.data.find_cases` returns them.
        device: where the training will run.
    """
    parser = ConfigParser(render_config("train", spec))
    parser["device"] = str(device)
    batch = parser["batch_size"]
    parser["split"], parser["repeats"] = [cases, cases], -(-batch // len(cases))
    network: torch.nn.Module = parser.get_parsed_content("network")
    loss, optimizer = parser.get_parsed_content("loss"), parser.get_parsed_content("optimizer")
    with redirect_stderr(StringIO()):  # MONAI's progress bars
        loader = parser.get_parsed_content("train::dataloader")
        item = parser.get_parsed_content("validate::dataset")[0]
    held = _Held()

    def step(data: dict[str, Any]) -> None:
        optimizer.zero_grad()
        with torch.autocast(device.type, enabled=device.type == "cuda"):  # as the bundle's amp
            value = loss(network(data["image"].to(device)), data["label"].to(device))
        value.backward()
        optimizer.step()

    network.train()
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    times: list[float] = []
    while len(times) < STEPS + 1:
        start = time.perf_counter()
        for data in loader:
            if times:
                step(data)
            else:
                with held:
                    step(data)
            times.append(_since(start, device))
            start = time.perf_counter()
    image = item["image"][None]
    case_s = _seconds_to_validate(parser, network, image, device)
    weights = sum(p.numel() * p.element_size() for p in network.parameters())
    peak = PASSING * held.bytes + 4 * weights  # weights, gradients, two moments
    if device.type == "cuda":
        peak = torch.cuda.max_memory_allocated(device)
    return Cost(
        step_s=statistics.median(times[1:]),
        case_s=case_s,
        step_gb=peak / 1e9,
        case_gb=(image.numel() + item["label"].numel()) * 4 / 1e9,
    )


def fit_schedule(cost: Cost, hours: float, training: int, validation: int, batch_size: int) -> Schedule:
    """Spend the time: a small share on validation, the rest on steps, in about a hundred epochs or fewer.

    Args:
        cost: measured.
        hours: for all of the training.
        training: number of training cases.
        validation: number of validation cases.
        batch_size: cases in a step.
    """
    seconds = hours * 3600 * RESERVE
    once = max(validation * cost.case_s, 1e-6)
    rounds = min(MOST_VALIDATIONS, max(1, int(seconds * VALIDATION_SHARE / once)))
    steps = max(1, int((seconds - rounds * once) / cost.step_s))
    passes = max(1.0, steps * batch_size / training)
    repeats = max(1, round(passes / MOST_EPOCHS))
    per_epoch = max(1, training * repeats // batch_size)
    epochs = max(1, round(steps / per_epoch))
    interval = max(1, epochs // rounds)
    total = epochs * per_epoch * cost.step_s + -(-epochs // interval) * once
    return Schedule(epochs, repeats, interval, epochs * per_epoch, total)


def free_memory_gb(device: torch.device) -> float:
    """Half of the machine's memory, or of what is free on the GPU nine tenths, in 10**9 bytes."""
    if device.type == "cuda":
        return 0.9 * torch.cuda.mem_get_info(device)[0] / 1e9
    return half_of_memory_gb()


def _seconds_to_validate(
    parser: ConfigParser, network: torch.nn.Module, image: torch.Tensor, device: torch.device
) -> float:
    """Of a few windows, times how many there are: a large case with a large network may take minutes."""
    inferer: Any = parser.get_parsed_content("validate::inferer")
    roi = fall_back_tuple(inferer.roi_size, image.shape[2:])
    few: Any = (..., *(slice(TIMED * size) for size in roi))
    part = image[few]
    network.eval()
    start = time.perf_counter()
    with torch.no_grad():
        inferer(part.to(device), network)
    share = count_windows(image.shape[2:], roi, inferer.overlap) / count_windows(part.shape[2:], roi, inferer.overlap)
    return _since(start, device) * share


def count_windows(shape: Sequence[int], roi_size: Sequence[int], overlap: float) -> int:
    """How many windows MONAI's ``SlidingWindowInferer`` takes over an image of that size."""
    padded = [max(sizes) for sizes in zip(shape, roi_size, strict=True)]
    return len(dense_patch_slices(padded, roi_size, [max(1, int(size * (1 - overlap))) for size in roi_size]))


def _since(start: float, device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - start


class _Held:
    """Context that counts the bytes which autograd keeps for backward, each storage once."""

    def __init__(self) -> None:
        self.bytes = 0
        self._seen: set[int] = set()
        self._hooks = torch.autograd.graph.saved_tensors_hooks(self._count, lambda tensor: tensor)

    def __enter__(self) -> None:
        self._hooks.__enter__()

    def __exit__(self, *error: Any) -> None:
        self._hooks.__exit__(*error)

    def _count(self, tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in self._seen:
            self._seen.add(storage.data_ptr())
            self.bytes += storage.nbytes()
        return tensor
