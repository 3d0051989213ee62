"""Where a bundle is and where its results go."""

import os
from os import PathLike
from pathlib import Path
from typing import Any

from .._paths import explain_misreading, path_argument

__all__ = ["check_bundle_root", "check_output_dir", "path_in"]


def path_in(folder: Any, *parts: str) -> str:
    """Path of something in a folder, whatever MONAI's command line has made of the folder's name.

    Args:
        folder: as it arrived, see :func:`monai_attn.bundle.path_argument`.
        parts: what is in it, such as ``"models/model.pt"``.
    """
    return str(path_argument("bundle_root", folder).joinpath(*parts))


def check_bundle_root(bundle_root: str | PathLike[str]) -> None:
    """Raise ``FileNotFoundError`` unless a folder has ``configs/metadata.json``, as a bundle does."""
    root = path_argument("bundle_root", bundle_root)
    if not (root / "configs" / "metadata.json").is_file():
        raise FileNotFoundError(
            f"bundle_root='{root}' (that is '{root.resolve()}') is not a bundle{explain_misreading(bundle_root)}: "
            "pass --bundle_root <folder that holds configs/>, or start from inside it"
        )


def check_output_dir(output_dir: str | PathLike[str]) -> Path:
    """Return the folder's full path, raise ``ValueError`` if it cannot be made or written; nothing is made yet."""
    target = path_argument("output_dir", output_dir).resolve()
    existing = next(path for path in (target, *target.parents) if path.exists())
    if not existing.is_dir():
        raise ValueError(f"output_dir='{output_dir}' cannot be a folder, '{existing}' is a file: use another")
    if not os.access(existing, os.W_OK | os.X_OK):
        raise ValueError(f"output_dir='{output_dir}' cannot be written, '{existing}' is read-only: use another folder")
    return target
