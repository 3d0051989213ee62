"""The members of an ensemble."""

from collections.abc import Sequence
from os import PathLike
from pathlib import Path

from .._paths import path_argument
from .._shipped_bundles import check_weights_inside
from ..handlers._checkpoints import BEST, LAST

__all__ = ["checkpoints"]


def checkpoints(
    bundle_root: str | PathLike[str],
    ckpt_paths: Sequence[str] | str | None = None,
    ckpt_path: str | PathLike[str] | None = None,
) -> list[str]:
    """Checkpoints of an ensemble: those given, or all ``models/*.pt`` of a bundle, sorted by name.

    States of a training run, ``checkpoint_epoch*.pt``, are not among these, nor is its last network.

    Args:
        bundle_root: the bundle.
        ckpt_paths: one or several files.
        ckpt_path: refused, because it is the switch for one network.

    Raises:
        FileNotFoundError: when the bundle has none.
        ValueError: when ``ckpt_path`` is given, or one of the files links out of its bundle.
    """
    if ckpt_path is not None:
        raise ValueError(f"ckpt_path='{ckpt_path}' is for one network: pass --ckpt_paths \"['{ckpt_path}',...]\"")
    if ckpt_paths is not None:
        given = [ckpt_paths] if isinstance(ckpt_paths, str) else [str(path) for path in ckpt_paths]
        return _checked(given)
    folder = path_argument("bundle_root", bundle_root) / "models"
    found = sorted(str(path) for path in folder.glob("*.pt") if not path.name.startswith("checkpoint_epoch"))
    best, last = str(folder / BEST), str(folder / LAST)
    if best in found and last in found:
        found.remove(last)
    if not found:
        raise FileNotFoundError(f"'{folder}' has no *.pt: pass --ckpt_paths \"['a.pt','b.pt']\"")
    return _checked(found)


def _checked(paths: list[str]) -> list[str]:
    for path in paths:
        check_weights_inside(Path(path))
    return paths
