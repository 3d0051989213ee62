"""The command ``monai-attn``."""

import argparse
import os
import sys
from collections.abc import Sequence

from . import __version__
from .bundle.errors import one_line
from .demo import demo

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb; returns the exit status: 0 done, 1 failed (one line says why), 2 wrong usage."""
    parser = argparse.ArgumentParser(
        prog="monai-attn", description="Attention-gated U-Nets and MONAI bundles for CT and MRI segmentation."
    )
    parser.add_argument("--version", action="version", version=f"monai-attn {__version__}")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    demo_parser = verbs.add_parser("demo", help="segment both hippocampi of a real averaged brain and show the result")
    demo_parser.add_argument("--output_dir", default="monai-attn-demo", help="folder for the results (%(default)s)")
    demo_parser.add_argument("--device", help="cpu, cuda, ... (CUDA when there is one)")
    options = parser.parse_args(arguments)
    try:
        demo(options.output_dir, options.device)
    except Exception as error:
        if os.environ.get("MONAI_ATTN_DEBUG"):
            raise
        print(one_line(error), file=sys.stderr)
        return 1
    return 0
