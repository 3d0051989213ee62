"""From a bundle's spec to its configs, what these need at run time, and where the shipped bundles are."""

from ..paths import path_argument
from .command_line import check_command_line, check_overlays, check_overrides
from .errors import one_line_errors
from .linting import LintFinding, lint
from .locate import BundleInfo, bundle_dir, copy_bundle, list_bundles
from .planning import Plan, plan
from .preflight import check_device, check_output_dir, compute_device, preflight
from .ranks import ReshufflingSampler, rank_device, start_ranks
from .render import render, render_spec, rendered_files
from .start import bundle_name, check_installed, checkpoints, run_name, sqlite_uri, warm_start
from .training import run_training

__all__ = [
    "BundleInfo",
    "LintFinding",
    "Plan",
    "ReshufflingSampler",
    "bundle_dir",
    "bundle_name",
    "check_command_line",
    "check_device",
    "check_installed",
    "check_output_dir",
    "check_overlays",
    "check_overrides",
    "checkpoints",
    "compute_device",
    "copy_bundle",
    "lint",
    "list_bundles",
    "one_line_errors",
    "path_argument",
    "plan",
    "preflight",
    "rank_device",
    "render",
    "render_spec",
    "rendered_files",
    "run_name",
    "run_training",
    "sqlite_uri",
    "start_ranks",
    "warm_start",
]
