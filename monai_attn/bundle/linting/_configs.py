"""Read config files, and look at each string in them as MONAI would take it."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from monai.bundle import ConfigParser
from monai.utils import optional_import

from ._expressions import aliases_of, expression_objections, expression_strings
from ._finding import LintFinding, shown
from ._names import CLASS_NAMES, MODULES, target_objection

__all__ = ["config_texts", "lint_strings", "parts_of", "read_config"]

SUFFIXES = (".json", ".yaml", ".yml")
NAMES = ("_target_", *CLASS_NAMES)
ABSOLUTE = re.compile(r"/\w|~[/\\]|~\w+[/\\]|~$|[A-Za-z]:[\\/]|\\\\\w|file:", re.IGNORECASE)
UPWARDS = re.compile(r"(^|[\\/])\.\.([\\/]|$)")
MAX_PARTS, MAX_DEPTH = 100_000, 100  # a few lines of YAML can stand for more than any memory holds
YAML = optional_import("yaml")


def read_config(path: Path) -> Any:
    """Content of a config file, JSON or YAML; nothing in it is evaluated.

    Raises:
        ValueError: when it cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8")
        if path.suffix.lower() == ".json":
            content = json.loads(text)
        elif YAML[1]:
            content = YAML[0].safe_load(text)
        else:
            raise ValueError("it is YAML, and PyYAML is not installed")
        for _ in parts_of(content):  # so that whoever goes through it later need not look out
            pass
    except Exception as error:  # YAML has a family of its own
        raise ValueError(shown(str(error), 200) or type(error).__name__) from error
    return content


def parts_of(content: Any) -> Iterator[tuple[str, Any]]:
    """Everything in a config with its key path, from the outside inwards and in the file's order.

    Raises:
        ValueError: when there is too much of it.
    """
    stack, count = [("", 0, content)], 0
    while stack:
        path, depth, node = stack.pop()
        count += 1
        if count > MAX_PARTS or depth > MAX_DEPTH:
            raise ValueError(f"it has more than {MAX_PARTS} parts, or is nested more than {MAX_DEPTH} times")
        yield path, node
        if isinstance(node, dict | list):
            pairs = list(node.items() if isinstance(node, dict) else enumerate(node))
            stack += [(f"{path}::{key}" if path else str(key), depth + 1, value) for key, value in reversed(pairs)]


def config_texts(contents: Mapping[str, Any]) -> list[str]:
    """All ``$`` strings of several configs."""
    texts = (part for content in contents.values() for _, part in parts_of(content))
    return [text for text in texts if isinstance(text, str) and text.startswith("$")]


def lint_strings(contents: Mapping[str, Any]) -> Iterator[LintFinding]:
    """Findings in components, expressions, macros and paths.

    Args:
        contents: of all configs of a bundle, by their paths in it; an import in one holds for those laid over it.
    """
    aliases = aliases_of(config_texts(contents))
    for file, content in contents.items():
        for key, part in parts_of(content):
            last = key.rpartition("::")[2]
            if isinstance(part, dict):
                yield from _component(file, key, part)
            if not isinstance(part, str):
                continue
            if part.startswith("$"):
                for objection in expression_objections(part, aliases):
                    yield LintFinding(
                        file,
                        key,
                        f"expression '{shown(part)}': {objection}",
                        "write it with references and MONAI's parts",
                    )
            elif part.startswith("%") and ConfigParser.split_path_id(part[1:])[0]:
                yield LintFinding(
                    file, key, f"'{shown(part)}' copies from a file", "put what it copies into the config"
                )
            elif last not in NAMES and "." in part and part.split(".")[0] in MODULES and _is_dotted(part):
                yield LintFinding(file, key, f"'{shown(part)}' names something of Python's", "name a part of MONAI")
            if last not in NAMES:
                yield from _paths(file, key, part)


def _is_dotted(text: str) -> bool:
    return all(name.isidentifier() for name in text.split("."))


def _component(file: str, key: str, config: dict[str, Any]) -> Iterator[LintFinding]:
    prefix = f"{key}::" if key else ""
    if "_target_" in config:
        target = config["_target_"]
        if (objection := _target(target)) is not None:
            cure = "use a part of monai, monai_attn, torch or ignite, written out"
            yield LintFinding(file, f"{prefix}_target_", f"'{shown(str(target))}': {objection}", cure)
        for name in CLASS_NAMES:
            given = config.get(name, [])
            for value in given if isinstance(given, list) else [given]:
                if isinstance(value, str) and (objection := _class_name(value)) is not None:
                    cure = "name a class of monai or monai_attn, written out"
                    yield LintFinding(file, f"{prefix}{name}", f"'{shown(value)}': {objection}", cure)
        if config.get("allow_pickle") not in (None, False):
            yield LintFinding(file, f"{prefix}allow_pickle", "it unpickles data files", "leave it out")
        if config.get("weights_only", True) is not True:
            yield LintFinding(file, f"{prefix}weights_only", "it unpickles what it loads", "leave it out")
    if "_debug_" in config or config.get("_mode_", "default") not in ("default", "callable"):
        name = "_debug_" if "_debug_" in config else "_mode_"
        text = f"'{shown(str(config[name]))}' may start a debugger"
        yield LintFinding(file, f"{prefix}{name}", text, "leave it out, or use 'callable'")


def _target(target: Any) -> str | None:
    if not isinstance(target, str):
        return "it is no name"
    if target.startswith(
        "$"
    ):  # itself looked at as an expression, but its value would be a name again, if it is a text
        plain = re.fullmatch(r"\$[@\w.:#]+\.\w+", target)
        return None if plain else "it is computed"
    if target.startswith(("@", "%")):
        return "it is taken from elsewhere"
    return target_objection(target)


def _class_name(value: str) -> str | None:
    if value.startswith(("$", "@", "%")):
        return "it is not written out"
    return target_objection(value)


def _paths(file: str, key: str, text: str) -> Iterator[LintFinding]:
    for value in expression_strings(text) if text.startswith("$") else [text.removeprefix("%")]:
        if ABSOLUTE.match(value):
            text = f"'{shown(value)}' is an absolute path"
            yield LintFinding(file, key, text, "start from @bundle_root, or pass it on the command line")
        elif UPWARDS.search(value) and key != "dataset_dir":  # data need not lie in the bundle
            yield LintFinding(
                file, key, f"'{shown(value)}' leads out of the bundle", "keep what it needs in the bundle"
            )
