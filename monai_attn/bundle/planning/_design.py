"""The largest patch and the widest network that memory and time allow."""

import math
from typing import Any

import torch

from ...data import Fingerprint
from ._budget import Cost, fit_schedule, measure_cost
from ._geometry import PlannedGeometry, fit_geometry
from ._recipe import make_spec

__all__ = ["design"]

PATCH_VOXELS = {3: (128**3, 96**3, 64**3, 48**3, 32**3), 2: (512**2, 320**2, 224**2, 160**2, 96**2)}
WITHOUT_GPU = {3: 64**3, 2: 224**2}  # beyond, a step takes a second and more on a few cores
BATCH_SIZE = {3: 2, 2: 8}
NARROW, WIDE = 16, 32
ENOUGH_STEPS = 1000  # from which on a larger patch is worth its time
PLENTY_OF_STEPS = 10_000  # from which on a wider network is


def design(
    fingerprint: Fingerprint,
    cases: list[dict[str, Any]],
    device: torch.device,
    hours: float,
    memory_gb: float,
    sides: tuple[int, int],
) -> tuple[PlannedGeometry, dict[str, Any], Cost, list[str]]:
    """Try patches from large to small until a training step fits into memory and enough of them into the time.

    Args:
        fingerprint: of the data.
        cases: a few, to measure on.
        device: where the training will run.
        hours: time for it.
        memory_gb: memory for it, in 10**9 bytes.
        sides: number of training and of validation cases.

    Returns:
        the geometry, the spec but for what depends on time, its measured cost, and the reasons.
    """
    dims = fingerprint.spatial_dims
    batch = min(BATCH_SIZE[dims], sides[0])

    def attempt(geometry: PlannedGeometry, width: int) -> tuple[dict[str, Any], list[str], Cost, int]:
        spec, reasons = make_spec(fingerprint, geometry, width, batch)
        try:
            cost = measure_cost(spec, cases, device)
        except torch.OutOfMemoryError:
            cost = Cost(step_s=math.inf, case_s=math.inf, step_gb=math.inf, case_gb=math.inf)
            return spec, reasons, cost, 0
        return spec, reasons, cost, fit_schedule(cost, hours, *sides, batch).steps

    tried: PlannedGeometry | None = None
    for voxels in PATCH_VOXELS[dims]:
        if device.type != "cuda" and voxels > WITHOUT_GPU[dims]:
            continue
        geometry = fit_geometry(fingerprint, voxels)
        if tried is not None and geometry.patch_size == tried.patch_size and geometry.spacing_mm == tried.spacing_mm:
            continue
        tried = geometry
        spec, reasons, cost, steps = attempt(geometry, NARROW)
        if cost.step_gb <= memory_gb and steps >= ENOUGH_STEPS:
            break
    why = f"{steps} steps fit into the time, a wider one is tried from {PLENTY_OF_STEPS} on"
    if steps > PLENTY_OF_STEPS:
        wide = attempt(geometry, WIDE)
        why = f"with twice as many, only {wide[3]} steps or too little memory would be left"
        if wide[2].step_gb <= memory_gb and wide[3] > PLENTY_OF_STEPS:
            spec, reasons, cost, steps = wide
            why = f"{steps} steps fit into the time even so"
    network = spec["common"]["network_def"]
    features = network["channels"]
    reasons = [
        *geometry.reasons,
        *reasons,
        f"`LightAttentionGatedUNet` with {features} features on its {len(features)} levels: {why}.",
        f"Batches of {batch}.",
    ]
    return geometry, spec, cost, reasons
