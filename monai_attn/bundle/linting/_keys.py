"""Keys that nothing uses: MONAI takes a misspelt one for a new one and goes on."""

import difflib
import json
from collections.abc import Iterator, Mapping
from importlib.resources import files
from typing import Any

from monai.bundle import properties
from monai.utils import BundlePropertyConfig

from .._render import BASES
from ._configs import parts_of
from ._expressions import REFERENCE
from ._finding import LintFinding

__all__ = ["lint_keys"]

OWN = {"imports", "initialize", "run", "finalize", "workflow", "overlay_of", "_meta_", "evaluate", "train", "validate"}


def lint_keys(contents: Mapping[str, Any]) -> Iterator[LintFinding]:
    """Top-level keys of configs that are neither used nor known, and those of overlays that their base does not have.

    Args:
        contents: of all configs of a bundle but its metadata, by their paths in it.
    """
    configs = {file: content for file, content in contents.items() if isinstance(content, dict)}
    used = {name for content in configs.values() for name in _references(content)}
    known = used | OWN | _properties() | _templates()
    stems = {_stem(file): content for file, content in configs.items()}
    alone = {
        file: content
        for file, content in configs.items()
        if "overlay_of" not in content and ("network_def" in content or _stem(file) in BASES)
    }
    for file, content in configs.items():
        if file in alone:
            yield from _unknown(file, content, known, "nothing uses it")
        elif "overlay_of" in content:
            base = stems.get(str(content["overlay_of"]))
            if base is None:
                yield LintFinding(file, "overlay_of", f"there is no '{content['overlay_of']}.json'", "name the base")
                continue
            yield from _unknown(
                file, content, {*base, *used, "overlay_of"}, f"{content['overlay_of']}.json does not have it"
            )
        elif alone:
            bases = {key for content in alone.values() for key in content}
            yield from _unknown(file, content, bases | known, "no config that it could go over has it")


def _stem(file: str) -> str:
    return file.rpartition("/")[2].rpartition(".")[0]


def _unknown(file: str, content: dict[str, Any], known: set[str], text: str) -> Iterator[LintFinding]:
    for key in map(str, content):
        name = key.removeprefix("+").replace("#", "::").split("::")[0]
        if name in known or name.startswith("_"):
            continue
        near = difflib.get_close_matches(name, sorted(known), n=1, cutoff=0.6)
        yield LintFinding(file, key, text, f"did you mean '{near[0]}'?" if near else "leave it out")


def _references(content: Any) -> Iterator[str]:
    for key, part in parts_of(content):
        if isinstance(part, str) and part.startswith(("$", "@", "%")):
            text = part.replace("%", "@").replace("#", "::")
            top = key.split("::")
            for reference in REFERENCE.findall(text):
                name = reference[1:]
                up = len(name) - len(name.lstrip(":"))
                if up:  # relative: '@::a' is beside this entry, '@::::a' one level higher
                    name = "::".join([*top[: len(top) - up // 2], name.lstrip(":")])
                yield name.split("::")[0]


def _properties() -> set[str]:
    """What MONAI itself looks for."""
    groups = (properties.TrainProperties, properties.InferProperties)
    values = [entry for group in groups for entry in group.values()]
    ids = [entry.get(field) for entry in values for field in (BundlePropertyConfig.ID, BundlePropertyConfig.REF_ID)]
    return {str(value).split("::")[0] for value in ids if value}


def _templates() -> set[str]:
    """What the rendered bundles have, switches included."""
    folder = files("monai_attn").joinpath("templates")
    names = {name for bases in BASES.values() for name in bases}
    return {key for name in names for key in json.loads(folder.joinpath(f"{name}.json").read_text(encoding="utf-8"))}
