"""Keys that nothing uses: MONAI takes a misspelt one for a new one and goes on."""

import difflib
import json
from collections.abc import Iterator, Mapping
from importlib.resources import files
from typing import Any

from monai.bundle import properties
from monai.utils import BundlePropertyConfig

from .._render import BASES
from ._configs import parts_of, references_in
from ._finding import LintFinding

__all__ = ["bases_of", "lint_keys"]

OWN = {"imports", "initialize", "run", "finalize", "workflow", "overlay_of", "_meta_", "evaluate", "train", "validate"}


def bases_of(configs: Mapping[str, dict[str, Any]]) -> list[str]:
    """The configs that stand alone; all others are laid over one of them."""
    names = [file for file, content in configs.items() if "network_def" in content or _stem(file) in BASES]
    return [file for file in names if "overlay_of" not in configs[file]]


def lint_keys(configs: Mapping[str, dict[str, Any]]) -> Iterator[LintFinding]:
    """Top-level keys that are neither used nor known, and those of overlays that their base does not have.

    Args:
        configs: all of a bundle but its metadata, by their paths in it.
    """
    texts = (part for content in configs.values() for _, part in parts_of(content) if isinstance(part, str))
    used = {name[1:].split("::")[0] for text in texts for name in references_in(text.replace("%", "@"))}
    known = used | OWN | _properties() | _templates()
    stems = {_stem(file): content for file, content in configs.items()}
    bases = bases_of(configs)
    for file, content in configs.items():
        over = str(content.get("overlay_of", ""))
        if file in bases:
            yield from _unknown(file, content, known, "nothing uses it")
        elif over in stems:
            yield from _unknown(file, content, {*stems[over], *used, *OWN}, f"{over}.json does not have it")
        elif over:
            yield LintFinding(file, "overlay_of", f"there is no '{over}.json'", "name the base")
        elif not (everything := set[str]().union(*(configs[name] for name in bases))).isdisjoint(content):
            yield from _unknown(file, content, everything | known, "no config that it could go over has it")


def _stem(file: str) -> str:
    return file.rpartition("/")[2].rpartition(".")[0]


def _unknown(file: str, content: dict[str, Any], known: set[str], text: str) -> Iterator[LintFinding]:
    for key in content:
        name = key.removeprefix("+").replace("#", "::").split("::")[0]
        if name not in known and not name.startswith("_"):
            near = difflib.get_close_matches(name[:100], sorted(known), n=1, cutoff=0.6)
            yield LintFinding(file, key, text, f"did you mean '{near[0]}'?" if near else "leave it out")


def _properties() -> set[str]:
    """What MONAI itself looks for."""
    entries = [*properties.TrainProperties.values(), *properties.InferProperties.values()]
    ids = [entry.get(field) for entry in entries for field in (BundlePropertyConfig.ID, BundlePropertyConfig.REF_ID)]
    return {str(value).split("::")[0] for value in ids if value}


def _templates() -> set[str]:
    """What the rendered bundles have, switches included."""
    folder = files("monai_attn").joinpath("templates")
    names = {name for bases in BASES.values() for name in bases}
    return {key for name in names for key in json.loads(folder.joinpath(f"{name}.json").read_text(encoding="utf-8"))}
