"""The command ``monai-attn``: each verb is one call."""

import argparse
import os
import sys
from collections.abc import Callable, Sequence

from .. import __version__
from .._shipped_bundles import find_bundle
from ..bundle import copy_bundle, lint, list_bundles, plan, render
from ..bundle._one_line import one_line
from ..data import check
from ..demos._brain import demo
from ..demos._training import demo_training

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb; returns the exit status: 0 done, 1 failed (one line says why), 2 wrong usage.

    ``check`` and ``lint`` have their own: 0 fine, 1 warnings or findings, 2 errors.
    """
    options = _parser().parse_args(arguments)
    try:
        run: Callable[[argparse.Namespace], int] = options.run
        return run(options)
    except Exception as error:
        if os.environ.get("MONAI_ATTN_DEBUG"):
            raise
        print(one_line(error), file=sys.stderr)
        return 2 if options.verb in ("check", "lint") else 1  # where 1 stands for what they found


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="monai-attn", description="Attention-gated U-Nets and MONAI bundles for CT and MRI segmentation."
    )
    parser.add_argument("--version", action="version", version=f"monai-attn {__version__}")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")

    verb = verbs.add_parser("list", help="show the shipped bundles")
    verb.set_defaults(run=_list)

    verb = verbs.add_parser("copy", help="copy a shipped bundle to a folder, to edit it")
    verb.add_argument("name", help="the bundle, as `monai-attn list` shows it")
    verb.add_argument("dir", help="the copy becomes <dir>/<name>")
    verb.set_defaults(run=_copy)

    verb = verbs.add_parser(
        "check", help="read a labelled data set and say what is wrong with it; exit 0 fine, 1 warnings, 2 errors"
    )
    verb.add_argument("data", help="folder of the data set, or a datalist")
    verb.add_argument("--json", action="store_true", help="print all that was found as JSON")
    verb.add_argument("--in_channels", "--in-channels", type=int, help="image channels (what most cases have)")
    verb.add_argument("--channel_names", "--channel-names", nargs="+", help="endings of the images' names, in order")
    verb.add_argument("--num_classes", "--num-classes", type=int, help="classes with background (what the data say)")
    verb.add_argument("--patient_column", "--patient-column", help="in cases.csv, or field of a datalist (patient)")
    verb.add_argument("--patient_regex", "--patient-regex", help="finds the patient in a case's name")
    verb.add_argument(
        "--trust_image_header", "--trust-image-header", action="store_true", help="ignore labels' affines"
    )
    verb.add_argument("--memory_gb", "--memory-gb", type=float, help="for one resampled case (half of this machine's)")
    verb.set_defaults(run=_check)

    verb = verbs.add_parser("plan", help="check and measure a data set and write a bundle for it")
    verb.add_argument("data", help="folder of the data set, or a datalist")
    verb.add_argument("--name", required=True, help="of the bundle, which becomes <output_dir>/<name>")
    verb.add_argument("--output_dir", "--output-dir", default=".", help="folder for the bundle's (%(default)s)")
    verb.add_argument("--like", help="a bundle whose network, processing and weights to start from")
    verb.add_argument("--weights", default="auto", help="auto (those of --like), none, or a checkpoint")
    verb.add_argument("--hours", type=float, default=1.0, help="that the training may take here (%(default)s)")
    verb.add_argument("--memory_gb", "--memory-gb", type=float, help="for the training (half of this machine's)")
    verb.add_argument("--device", help="where the training will run (CUDA when there is one)")
    verb.add_argument("--modality", help="CT or MR (what the data say)")
    verb.add_argument("--fold", default="0", help="held back for validation (%(default)s)")
    verb.add_argument("--patient_column", "--patient-column", help="in cases.csv, or field of a datalist (patient)")
    verb.add_argument("--patient_regex", "--patient-regex", help="finds the patient in a case's name")
    verb.add_argument(
        "--trust_image_header", "--trust-image-header", action="store_true", help="labels lie where images do"
    )
    verb.add_argument("--seed", type=int, default=0, help="of the training (%(default)s)")
    verb.set_defaults(run=_plan)

    verb = verbs.add_parser("render", help="write a bundle's configs/ from its bundle.json and the templates")
    verb.add_argument("bundle", help="folder of a bundle, or the name of a shipped one")
    verb.add_argument("--check", action="store_true", help="write nothing; exit 1 if a file would change")
    verb.set_defaults(run=_render)

    verb = verbs.add_parser(
        "lint", help="read a bundle, run nothing of it, and say what is wrong; exit 0 fine, 1 findings, 2 no bundle"
    )
    verb.add_argument("bundle", help="folder of a bundle, or the name of a shipped one")
    verb.set_defaults(run=_lint)

    verb = verbs.add_parser("demo", help="segment both hippocampi of a real averaged brain and show the result")
    verb.add_argument("--train", action="store_true", help="instead go all the way on generated data, in minutes")
    verb.add_argument("--output_dir", default="monai-attn-demo", help="folder for the results (%(default)s)")
    verb.add_argument("--device", help="cpu, cuda, ... (CUDA when there is one)")
    verb.set_defaults(run=_demo)
    return parser


def _list(_options: argparse.Namespace) -> int:
    rows = [("name", "task", "modality", "dims", "Dice", "MB")]
    for info in list_bundles():
        numbers = (f"{info.spatial_dims}D", f"{info.dice:.3f}", f"{info.megabytes:.1f}")
        rows.append((info.name, info.task, info.modality, *numbers))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    return 0


def _copy(options: argparse.Namespace) -> int:
    print(f"copied to {copy_bundle(options.name, options.dir)}")
    return 0


def _check(options: argparse.Namespace) -> int:
    report = check(
        options.data,
        options.in_channels,
        options.num_classes,
        options.patient_column,
        options.patient_regex,
        options.trust_image_header,
        options.memory_gb,
        channel_names=options.channel_names,
    )
    print(report.to_json() if options.json else report.table())
    return report.status


def _plan(options: argparse.Namespace) -> int:
    arguments = {key: value for key, value in vars(options).items() if key not in ("run", "verb", "data")}
    arguments["fold"] = int(options.fold) if options.fold.isdigit() else options.fold
    result = plan(options.data, **arguments)
    for reason in result.reasons:
        print(f"- {reason}")
    print(f"wrote {result.bundle_root}; how to go on stands in {result.bundle_root / 'docs' / 'README.md'}")
    return 0


def _render(options: argparse.Namespace) -> int:
    root = find_bundle(options.bundle)
    changed = render(root, write=not options.check)
    for path in changed:
        print(f"{'would change' if options.check else 'wrote'} {path}")
    if not changed:
        print(f"{root / 'configs'} is up to date")
    return 1 if options.check and changed else 0


def _lint(options: argparse.Namespace) -> int:
    findings = lint(options.bundle)
    for finding in findings:
        print(finding)
    if not findings:
        print(f"{options.bundle}: nothing found")
    return 1 if findings else 0


def _demo(options: argparse.Namespace) -> int:
    (demo_training if options.train else demo)(options.output_dir, options.device)
    return 0
