"""What each verb does: one call, and what it prints.

A verb imports what it calls, so that those which only handle files start without PyTorch and MONAI.
"""

import os
import sys
from argparse import Namespace
from collections.abc import Sequence

from .._shipped_bundles import copy_bundle, find_bundle, list_bundles
from .._shown_names import escape_output
from ._parser import make_parser

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb.

    Args:
        arguments: the command line without the program's name; by default that of this process.

    Returns:
        the exit status: 0 on success, 1 after an error, which is printed as one line, 130 after Ctrl-C. ``check`` and
        ``lint`` return 0 when they found nothing, 1 after warnings or findings, 2 after errors. Wrong usage exits
        with 2.
    """
    escape_output()
    options = make_parser().parse_args(arguments)
    try:
        return _VERBS[options.verb](options)
    except Exception as error:
        if os.environ.get("MONAI_ATTN_DEBUG"):
            raise
        print(_one_line(error), file=sys.stderr)
        return 2 if options.verb in ("check", "lint") else 1  # where 1 stands for warnings and findings
    except KeyboardInterrupt:
        print("\ninterrupted", file=sys.stderr)
        return 130


def _one_line(error: Exception) -> str:
    if "torch" not in sys.modules and isinstance(error, OSError | ValueError):  # of a verb that only handles files
        return f"error: {' '.join(str(error).split())}"
    from ..bundle._one_line import one_line

    return one_line(error)


def _list(_options: Namespace) -> int:
    rows = [("name", "task", "modality", "dims", "Dice", "MB", "takes")]
    for info in list_bundles():
        numbers = (f"{info.spatial_dims}D", f"{info.dice:.3f}", f"{info.megabytes:.1f}")
        rows.append((info.name, info.task, info.modality, *numbers, info.expected_input))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    return 0


def _copy(options: Namespace) -> int:
    print(f"copied to {copy_bundle(options.name, options.dir)}")
    return 0


def _check(options: Namespace) -> int:
    from ..bundle._one_line import show_switches
    from ..data import check

    arguments = {key: value for key, value in vars(options).items() if key not in ("verb", "data", "json")}
    report = check(options.data, **arguments)
    print(report.to_json() if options.json else show_switches(report.table()))
    return report.status


def _plan(options: Namespace) -> int:
    from ..bundle import plan

    arguments = {key: value for key, value in vars(options).items() if key not in ("verb", "data")}
    arguments["fold"] = int(options.fold) if options.fold.isdigit() else options.fold
    result = plan(options.data, **arguments)
    for reason in result.reasons:
        print(f"- {reason}")
    print(f"wrote {result.bundle_root}; next steps: see {result.bundle_root / 'docs' / 'README.md'}")
    return 0


def _render(options: Namespace) -> int:
    from ..bundle._render import render

    root = find_bundle(options.bundle)
    changed = render(root, write=not options.check, overwrite=options.force)
    for path in changed:
        print(f"{'would change' if options.check else 'wrote'} {path}")
    if not changed:
        print(f"{root / 'configs'} is up to date")
    return 1 if options.check and changed else 0


def _lint(options: Namespace) -> int:
    from ..bundle.linting import lint

    findings = lint(options.bundle)
    for finding in findings:
        print(finding)
    if not findings:
        print(f"{options.bundle}: nothing suspicious found")
    return 1 if findings else 0


def _demo(options: Namespace) -> int:
    from ..demos import demo, demo_training

    (demo_training if options.train else demo)(options.output_dir, options.device)
    return 0


_VERBS = {
    "list": _list,
    "copy": _copy,
    "check": _check,
    "plan": _plan,
    "render": _render,
    "lint": _lint,
    "demo": _demo,
}
