"""Where to compute."""

import torch

__all__ = ["check_device", "compute_device"]


def compute_device(device: str | torch.device) -> torch.device:
    """The device of that name; for ``auto`` CUDA, else MPS, else the CPU, whichever is there.

    Raises:
        ValueError: when torch cannot compute on it here.
    """
    if str(device) == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    check_device(device)
    return torch.device(device)


def check_device(device: str | torch.device) -> None:
    """Raise ``ValueError`` if torch cannot compute on ``device`` here."""
    try:
        if str(device) != "auto":
            torch.ones(1, device=device).cpu()  # there and back, which a device like 'meta' does not survive
    except Exception as error:  # torch has another type for each back end
        reason = str(error).strip().splitlines()[0].split(". ")[0].rstrip(".")
        raise ValueError(
            f"device='{device}' cannot be used ({reason}): pass --device cpu or auto, or leave it out"
        ) from error
