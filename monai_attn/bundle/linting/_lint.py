"""Check a bundle, which may be a stranger's, before anything of it runs."""

import os
import re
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any

from monai.bundle import ConfigParser

from ..._shipped_bundles import find_bundle
from .._render import render
from ._allowed import argument_objections, find_targets, hands_on, is_watched, text_objection
from ._configs import View, merge, parts_of, reference_of
from ._expressions import Expression
from ._files import find_files, lint_file
from ._finding import LintFinding, shown
from ._keys import bases_of, lint_keys
from ._metadata import FILE as METADATA
from ._metadata import lint_metadata

__all__ = ["lint"]

MAX_SECONDS = 60
KNOWN = "use parts of monai, monai_attn, torch and ignite, written out"
PLACE = "start from @bundle_root, or pass it on the command line"


def lint(bundle_root: str | PathLike[str]) -> list[LintFinding]:
    """What lint finds in a bundle; its files are parsed, and no code in them is imported or run.

    Configs are code: MONAI calls what ``_target_`` names and evaluates what starts with ``$``. Each config is read as
    MONAI merges it, alone and over its base. What they call must be on a list, their expressions keep to a small
    grammar, and files must be of a known kind; everything else is reported as unknown, and so are paths that lead out
    of the bundle, keys that nothing uses, metadata that lack something or belong to another network, and weights
    without or with another SHA-256, or with code.

    Nothing suspicious found does not mean safe: this is no sandbox, and trained weights can be wrong in other ways.

    Args:
        bundle_root: folder of the bundle, or the name of a shipped one.

    Returns:
        the findings, by file; empty when there are none.

    Raises:
        ValueError: when there is no such bundle.
    """
    root, before = find_bundle(bundle_root), sys.path
    if not (root / "configs").is_dir():
        raise ValueError(f"bundle_root='{bundle_root}' has no folder 'configs': pass the folder of a bundle")
    inside = os.path.realpath(root)  # nothing that is still imported may come from there
    sys.path = [entry for entry in before if not Path(os.path.realpath(entry or ".")).is_relative_to(inside)]
    try:
        return sorted(dict.fromkeys(_lint(root)), key=lambda finding: finding.file)  # and in the order of the checks
    finally:
        sys.path = before


def _lint(root: Path) -> Iterator[LintFinding]:
    configs: dict[str, Any] = {}
    found: list[LintFinding] = []
    end = time.monotonic() + MAX_SECONDS
    for place, path, objection in find_files(root):
        if objection or time.monotonic() > end:
            cure = "leave it out, or put the file itself there"
            found.append(LintFinding(place, "", objection or f"lint gave up after {MAX_SECONDS} s", cure))
        else:
            found += _attempt(place, lint_file(place, path, configs))
    yield from found
    yield from _lint_configs(configs, end)
    odd = {finding.file for finding in found}
    if METADATA not in {*configs, *odd}:
        yield LintFinding(METADATA, "", "it is missing", "write what the model zoo's schema asks for")
    if "bundle.json" in configs and not any(place.startswith("configs/") for place in odd):
        yield from _attempt("bundle.json", _lint_rendered(root))


def _lint_rendered(root: Path) -> Iterator[LintFinding]:
    for path in render(root, write=False):
        file = path.relative_to(root).as_posix()
        yield LintFinding(file, "", "it differs from what bundle.json renders", "monai-attn render")


def _lint_configs(contents: dict[str, Any], end: float) -> Iterator[LintFinding]:
    """Findings in all configs: in each alone, and in those that are laid over others over each of these."""
    configs = {file: content if isinstance(content, dict) else {"_": content} for file, content in contents.items()}
    configs.pop("bundle.json", None)  # what it renders is looked at
    odd = [file for file in configs if file.startswith("configs/") and configs[file] is not contents[file]]
    yield from (LintFinding(file, "", "it is not an object", "write {...}") for file in odd)
    metadata = configs.pop(METADATA, None)
    yield from lint_keys({file: content for file, content in configs.items() if file.startswith("configs/")})
    bases = bases_of(configs)
    stacks = [(file,) for file in configs] + [(base, file) for file in configs if file not in bases for base in bases]
    if metadata is not None:
        yield from lint_metadata(metadata, configs)
        configs[METADATA] = {"_meta_": metadata}  # where MONAI puts it
        stacks.insert(0, (METADATA,))
    views = [View(merge(content)) for content in configs.values()]
    seen: set[tuple[str, str]] = set()
    for stack in stacks:
        stacked = [configs[file] for file in stack]
        found = list(_attempt(stack[-1], _lint_view(stack[-1], stacked, views, end)))
        if len(stack) > 1:  # what is wrong with one of these is said already
            found = [finding for finding in found if not any((file, finding.text) in seen for file in stack)]
        seen |= {(stack[-1], finding.text) for finding in found}
        yield from (replace(finding, key=finding.key.removeprefix("_meta_::")) for finding in found)


def _lint_view(file: str, contents: list[dict[str, Any]], views: list[View], end: float) -> Iterator[LintFinding]:
    """Findings in components, expressions, macros and texts of configs that are laid over each other."""
    owners: dict[str, Any] = {"": None}  # the component's class that a part of the config belongs to
    view = View(merge(*contents), views)
    for key, part in parts_of(view.contents[0]):
        owners[key] = owners[key.rpartition("::")[0]]
        found: Iterable[tuple[str, str, str]] = ()
        if time.monotonic() > end:
            raise TimeoutError(f"lint gave up after {MAX_SECONDS} s")
        if isinstance(part, dict):
            if "_target_" in part:
                owners[key] = next((target for target in _targets(part) if target is not None), None)
            found = _dict_objections(view, key, part, owners[key])
        elif isinstance(part, str) and part.startswith("$"):
            texts = Expression(view, key, part).objections
            found = [("", f"expression '{shown(part)}': {text}", KNOWN) for text in texts]
        elif isinstance(part, str) and key.rpartition("::")[2] != "_target_":
            found = _text_objections(view, key, part)
        for name, text, cure in found:
            yield LintFinding(file, "::".join(filter(None, (key, name))), text, cure)


def _targets(value: Any) -> list[Any]:
    """What a component may be; ``[None]`` where lint does not know it."""
    target = value.get("_target_") if isinstance(value, dict) else None
    return find_targets(target) if isinstance(target, str) and re.fullmatch(r"\w+(\.\w+)*", target) else [None]


def _dict_objections(view: View, key: str, config: dict[str, Any], owner: Any) -> Iterator[tuple[str, str, str]]:
    given: dict[str, tuple[list[Any], Any]] = {}
    for name, value in config.items():
        if "" in name.removeprefix("+").replace("#", "::").split("::") or (key and re.search("::|#", name)):
            yield name, "MONAI takes this key for a path", "write it without :: and #"
        if (objection := text_objection(name)) is not None:
            yield name, f"the key {objection}", PLACE
        if is_watched(name):
            plain = isinstance(value, str) and value.startswith("$")
            names = Expression(view, f"{key}::{name}".removeprefix("::"), value).names if plain else _targets(value)[0]
            given[name] = (view.values(value), names)
    for name, text in argument_objections(owner, given):
        yield name, f"'{shown(str(config.get(name)))}': {text}", KNOWN
    mode = config.get("_mode_", "default")
    if "_debug_" in config or mode not in ("default", "callable"):
        yield "_mode_", f"'{shown(str(mode))}' may start a debugger", "leave it out, or use 'callable'"
    if mode == "callable" and hands_on(owner):
        yield "_mode_", "it hands on a function with arguments that nobody sees", "leave it out"
    if "_target_" in config and None in _targets(config):
        yield "_target_", f"lint does not know what '{shown(str(config['_target_']))}' runs", KNOWN


def _text_objections(view: View, key: str, text: str) -> Iterator[tuple[str, str, str]]:
    path = reference_of(text)
    if re.search("[@%](::|#)", text):
        yield "", f"'{shown(text)}' is relative, and lint does not follow it", "write it from the top"
    elif path is None:
        objection = None if key.startswith("_meta_::") else text_objection(text)
        if objection is not None and not (key == "dataset_dir" and "leads" in objection):  # data may lie beside it
            yield "", f"'{shown(text)}' {objection}", PLACE
    elif view.hands_on_modules(path):
        yield "", f"'{shown(text)}' hands on modules", KNOWN
    elif text.startswith("%") and ConfigParser.split_path_id(text[1:])[0]:
        yield "", f"'{shown(text)}' copies from a file", "put what it copies into the config"


def _attempt(file: str, steps: Iterator[LintFinding]) -> Iterator[LintFinding]:
    """The findings of some steps, and one more if a hostile file makes them raise anything."""
    try:
        yield from steps
    except Exception as error:
        text = f"it cannot be read ({shown(str(error), 300) or type(error).__name__})"
        yield LintFinding(file, "", text, "correct it, or leave it out")
