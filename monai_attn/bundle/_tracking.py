"""What the overlays for experiment trackers need."""

import importlib.util
import time
from os import PathLike

from .._paths import path_argument

__all__ = ["bundle_name", "check_installed", "run_name", "sqlite_uri"]


def check_installed(module: str, extra: str) -> None:
    """Raise ``ModuleNotFoundError`` with the command that installs it, if a package is not there.

    Args:
        module: name to import.
        extra: the extra of monai-attn that brings it.
    """
    if importlib.util.find_spec(module) is None:
        raise ModuleNotFoundError(f"{module} is not installed: pip install 'monai-attn[{extra}]'")


def sqlite_uri(output_dir: str | PathLike[str]) -> str:
    """Address of a database ``mlruns.db`` in a folder, as MLflow wants it."""
    return f"sqlite:///{(path_argument('output_dir', output_dir) / 'mlruns.db').resolve()}"


def bundle_name(bundle_root: str | PathLike[str]) -> str:
    """Name of the bundle in a folder."""
    return path_argument("bundle_root", bundle_root).resolve().name


def run_name() -> str:
    """A name for a run that starts now."""
    return f"run_{time.strftime('%Y%m%d_%H%M%S')}"
