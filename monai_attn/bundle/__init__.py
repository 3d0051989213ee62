"""From a bundle's spec to its configs, what these need at run time, and where the shipped bundles are."""

from .._paths import check_output_dir, path_argument
from .._shipped_bundles import BundleInfo, bundle_dir, copy_bundle, list_bundles
from ._command_line import check_command_line, check_overlays, check_overrides, given_config
from ._devices import check_device, compute_device
from ._distributed import not_main, num_ranks, rank_device, rank_sampler, start_ranks
from ._ensemble import checkpoints
from ._one_line import one_line_errors
from ._places import path_in
from ._render import render, render_spec, rendered_files
from ._tracking import bundle_name, check_installed, run_name, sqlite_uri
from ._weights import load_checkpoint, shipped_weights, warm_start
from .linting import LintFinding, lint
from .planning import Plan, plan

__all__ = [
    "BundleInfo",
    "LintFinding",
    "Plan",
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
    "given_config",
    "lint",
    "list_bundles",
    "load_checkpoint",
    "not_main",
    "num_ranks",
    "one_line_errors",
    "path_argument",
    "path_in",
    "plan",
    "rank_device",
    "rank_sampler",
    "render",
    "render_spec",
    "rendered_files",
    "run_name",
    "shipped_weights",
    "sqlite_uri",
    "start_ranks",
    "warm_start",
]
