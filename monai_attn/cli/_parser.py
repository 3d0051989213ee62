"""Verbs and arguments of ``monai-attn``."""

import argparse
import re
from typing import Any

from .. import __version__

__all__ = ["make_parser"]

DATA = "folder of a data set with labels, or its datalist (a JSON file)"
BUNDLE = "folder of a bundle, or name of a shipped one"


def make_parser() -> argparse.ArgumentParser:
    """Make the parser; it sets ``verb`` and the arguments of that verb."""
    parser = argparse.ArgumentParser(
        prog="monai-attn", description="Attention-gated U-Nets and MONAI bundles for CT and MRI segmentation."
    )
    parser.add_argument("--version", action="version", version=f"monai-attn {__version__}")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")

    verbs.add_parser("list", help="list the shipped bundles")

    verb = verbs.add_parser("copy", help="copy a shipped bundle into a folder, so that you can edit it")
    verb.add_argument("name", help="name of the bundle, as `monai-attn list` shows it")
    verb.add_argument("dir", help="parent folder of the copy, which becomes DIR/NAME")

    verb = verbs.add_parser("check", help="report faults in a data set; exit status 0: none, 1: warnings, 2: errors")
    verb.add_argument("data", help=DATA)
    verb.add_argument("--json", action="store_true", help="print the full report as JSON")
    _option(verb, "--in_channels", type=int, help="number of image channels (default: that of most cases)")
    _option(
        verb, "--channel_names", nargs="+", help="file-name suffixes of the channels, in order, e.g. T1 T2", metavar="X"
    )
    _option(verb, "--num_classes", type=int, help="number of classes, background included (default: from the data)")
    _patient_options(verb)
    _option(verb, "--memory_gb", type=float, help="memory for one resampled case, in GB (default: half of the RAM)")

    verb = verbs.add_parser("plan", help="check and measure a data set, then write a bundle for it")
    verb.add_argument("data", help=DATA)
    verb.add_argument("--name", required=True, help="name of the new bundle, which becomes OUTPUT_DIR/NAME")
    _option(verb, "--output_dir", default=".", help="parent folder of the new bundle (default: %(default)s)")
    verb.add_argument("--like", help="bundle whose network, preprocessing and weights to start from")
    verb.add_argument(
        "--weights", default="auto", help="weights to start from: auto (those of --like), none, or a checkpoint"
    )
    verb.add_argument(
        "--hours", type=float, default=1.0, help="time budget for training on this machine, in hours (default: 1)"
    )
    _option(verb, "--memory_gb", type=float, help="memory for training, in GB (default: half of this machine's)")
    verb.add_argument("--device", help="device to train on, e.g. cpu or cuda:1 (default: CUDA if available)")
    verb.add_argument("--modality", help="CT or MR (default: from the data)")
    _option(verb, "--class_names", type=_names, help='names of the labels 1, 2, ..., e.g. "liver,tumor"')
    _option(
        verb,
        "--left_right_pairs",
        type=_pairs,
        help="classes that are the left and the right of one organ, by label or by name, "
        'e.g. "[[1,2]]"; "[]" if no class has a side (default: by their names)',
    )
    verb.add_argument("--fold", default="0", help="fold to hold out for validation (default: %(default)s)")
    _patient_options(verb)
    verb.add_argument("--seed", type=int, default=0, help="random seed of the training (default: %(default)s)")

    verb = verbs.add_parser("render", help="write a bundle's configs/ from its bundle.json and the templates")
    verb.add_argument("bundle", help=BUNDLE)
    verb.add_argument("--check", action="store_true", help="write nothing; exit status 1 if a file would change")
    verb.add_argument("--force", action="store_true", help="overwrite files that were edited by hand, too")

    verb = verbs.add_parser(
        "lint",
        help="report faults and suspicious code in a bundle without executing it; "
        "exit status 0: none, 1: findings, 2: the bundle cannot be read",
    )
    verb.add_argument("bundle", help=BUNDLE)

    verb = verbs.add_parser("demo", help="segment both hippocampi of an averaged brain and draw the result")
    verb.add_argument(
        "--train", action="store_true", help="check, plan, train, evaluate and segment generated data (minutes)"
    )
    _option(verb, "--output_dir", default="monai-attn-demo", help="folder for the results (default: %(default)s)")
    verb.add_argument("--device", help="device to run on, e.g. cpu or cuda:1 (default: CUDA if available)")
    return parser


def _names(text: str) -> list[str]:
    """``a,b`` or ``[a,b]``, with or without quotes."""
    return [name.strip(" '\"") for name in text.strip().removeprefix("[").removesuffix("]").split(",")]


def _pairs(text: str) -> list[list[int | str]]:
    """``[[1,2],[left_a,right_a]]``, with or without quotes."""
    listed = re.fullmatch(r"\[\s*((\[[^\[\]]+\]\s*,?\s*)*)\]", text.strip())
    if listed is None:
        raise argparse.ArgumentTypeError(f"'{text}' is not a list of pairs such as [[1,2]]")
    pairs = re.findall(r"\[([^\[\]]+)\]", listed[1])
    return [[int(side) if side.isdigit() else side for side in _names(pair)] for pair in pairs]


def _patient_options(verb: argparse.ArgumentParser) -> None:
    _option(
        verb,
        "--patient_column",
        help="column of cases.csv, or key of the datalist's entries, that names the patient (default: patient)",
    )
    _option(verb, "--patient_regex", help="regular expression that finds the patient in a case's name")
    _option(
        verb,
        "--trust_image_header",
        action="store_true",
        help="give labels the affine of their images, whatever their own headers say",
    )


def _option(verb: argparse.ArgumentParser, name: str, **settings: Any) -> None:
    """Add an option that may be typed with underscores or with dashes."""
    verb.add_argument(name, "--" + name[2:].replace("_", "-"), **settings)
