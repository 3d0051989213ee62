"""Attention-gated U-Nets and MONAI bundles for CT and MRI segmentation.

Importing the package is cheap. The first use of a public name loads them all, and PyTorch and MONAI with them. Where
MONAI is imported already, they load at once: it finds a short ``_target_``, such as ``AttentionGatedUNet``, only in
modules that are loaded.
"""

import sys

# Not taken from typing: `python -m` would import a typing.py of the folder it was started in.
TYPE_CHECKING = False

__version__ = "0.1.0"
__all__ = [
    "AttentionGate",
    "AttentionGatedUNet",
    "LightAttentionGatedUNet",
    "bundle",
    "data",
    "engines",
    "handlers",
    "inferers",
    "load_weights",
    "networks",
    "visualize",
]

if TYPE_CHECKING or "monai" in sys.modules:
    from . import bundle, data, engines, handlers, inferers, networks, visualize
    from .networks import AttentionGate, AttentionGatedUNet, LightAttentionGatedUNet, load_weights
else:

    def __getattr__(name: str) -> object:
        """Load the public names when the first of them is used (PEP 562)."""
        if name not in __all__:
            raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
        from importlib import import_module

        networks = import_module(f"{__name__}.networks")
        for public in __all__:  # packages, and names that `networks` exports
            globals()[public] = getattr(networks, public, None) or import_module(f"{__name__}.{public}")
        return globals()[name]

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
