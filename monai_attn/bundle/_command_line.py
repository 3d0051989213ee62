"""What ``python -m monai.bundle run`` was given, checked before anything is built.

MONAI adds a misspelt override as a new key and goes on, and lays any config over any other. The parsed config does not
show either, so this looks at the command line itself.
"""

import inspect
import json
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from monai.bundle import ConfigParser
from monai.bundle import run as monai_run
from monai.bundle.scripts import create_workflow
from monai.bundle.utils import DEFAULT_MLFLOW_SETTINGS
from monai.utils import optional_import

from ._one_line import is_monai_bundle
from ._override_values import check_pairs, check_values
from ._places import check_bundle_root
from ._suggestions import unknown_key
from ._switches import names_without_effect

__all__ = ["check_command_line", "check_overlays", "check_overrides", "given_config"]

SWITCH = re.compile(r"--|-[A-Za-z]")  # as fire tells switches from values
RESERVED = ("_target_", "_disabled_", "_requires_", "_desc_", "_mode_")  # MONAI's own in every component
WORKFLOW_KEYS = ("overlay_of", "imports", "initialize", "run", "finalize")  # read by name, by MONAI and here
OWN = {*inspect.signature(monai_run).parameters, *inspect.signature(create_workflow).parameters} - {"override"}


def check_command_line() -> None:
    """Check the overrides and the order of the config files of ``python -m monai.bundle run``.

    Called from Python, where nothing of this can be seen, it does nothing.

    Raises:
        FileNotFoundError: when the bundle is not where ``bundle_root`` says.
        ValueError: on an override of a key that the configs do not have, an overlay without its base, or not after it.
    """
    if not is_monai_bundle():
        return
    config, overrides = _merged()
    check_overrides(config, list(overrides))
    check_values(config, overrides)
    check_pairs(config, overrides)
    root = overrides.get("bundle_root", config.get("bundle_root"))
    if isinstance(root, str) and not root.startswith(("$", "@")):
        check_bundle_root(root)


def given_config() -> dict[str, Any]:
    """The parts of the config that a training run learns by, as ``python -m monai.bundle run`` was given them.

    Overrides are included, nothing is resolved. Empty from Python, where nothing of this can be seen.
    """
    if not is_monai_bundle():
        return {}
    config, overrides = _merged()
    parser = ConfigParser(config)
    for override, value in overrides.items():
        parser[override] = list(map(_literal, value)) if isinstance(value, list) else _literal(value)
    without = names_without_effect()
    return {key: value for key, value in parser.get().items() if key not in without}


def _merged() -> tuple[dict[str, Any], dict[str, str | list[str]]]:
    """The config files laid over one another, and the overrides, by id and as they were typed."""
    given: dict[str, Any] = dict(_given(sys.argv[1:]))
    if isinstance(given.get("args_file"), str):
        given = {**ConfigParser.load_config_file(given["args_file"]), **given}
    files = given.get("config_file", [])
    names: list[str] = [files] if isinstance(files, str) else files
    check_overlays(names)
    settings: Any = DEFAULT_MLFLOW_SETTINGS["configs"]  # what MONAI's own --tracking adds to the config
    tracking = list(settings) if "tracking" in given else []
    config = ConfigParser.load_config_files(names)
    check_new_keys(names, config)
    known = {*OWN, *tracking, "save_execute_config"}
    overrides = {key: value for key, value in given.items() if key not in known and not key.startswith("_meta_")}
    return config, overrides


def check_overlays(names: Sequence[str]) -> None:
    """Raise ``ValueError`` where a config file is an overlay and the file before it is not its base.

    Args:
        names: config files in the order in which they are laid over one another.
    """
    workflow = None
    for name in names:
        content = ConfigParser.load_config_file(name)
        base = content.get("overlay_of")
        if base is not None and base != workflow:
            before = f"comes after a config of '{workflow}'" if workflow else "has nothing under it"
            right = f"['{Path(name).with_name(f'{base}.json')}','{name}']"
            raise ValueError(f"'{name}' goes over {base}.json, but {before}: pass --config_file \"{right}\"")
        workflow = _workflow(content) or workflow


def check_new_keys(names: Sequence[str], config: dict[str, Any]) -> None:
    """Raise ``ValueError`` for a top-level key that a file adds to those before it and that nothing refers to.

    Args:
        names: config files in the order in which they are laid over one another.
        config: all of them, merged.
    """
    known: dict[str, Any] = {}
    referred = set(re.findall(r"@(\w+)", json.dumps(config)))
    for name in names:
        content = ConfigParser.load_config_file(name)
        for key in content if known else ():
            top = re.split("::|#", key.lstrip("+"))[0]
            if top not in known and top not in referred and not top.startswith("_") and top not in WORKFLOW_KEYS:
                raise unknown_key(f"'{name}': key", key, [*known, *(f"+{kept}" for kept in known if key[0] == "+")])
        known |= content


def _workflow(content: dict[str, Any]) -> str | None:
    """What a config file that stands alone does, told by its parts, since it may have any name."""
    if "overlay_of" in content:
        return None
    if "train" in content:
        return "train"
    scores = "key_metric" in content
    return ("evaluate" if scores else "inference") if "evaluator" in content else None


def check_overrides(config: dict[str, Any], overrides: Sequence[str]) -> None:
    """Raise ``ValueError`` for the first override that changes nothing.

    Args:
        config: the merged config.
        overrides: their ids, such as ``max_epochs`` or ``network_def::dropout``. A new argument of a component counts
            as known if the component takes it.
    """
    for override in overrides:
        node: Any = config
        parts = override.replace("#", "::").split("::")
        for depth, part in enumerate(parts):
            known = list(node) if isinstance(node, dict) else [str(k) for k in range(len(node))]
            if part not in known:
                target = node.get("_target_") if isinstance(node, dict) else None
                arguments, takes_any = component_arguments(target) if isinstance(target, str) else ([], False)
                if (part in (*arguments, *RESERVED) or takes_any) and target and depth == len(parts) - 1:
                    break
                prefix = "".join(f"{name}::" for name in parts[:depth])
                candidates = [f"{prefix}{name}" for name in (*known, *arguments) if not name.startswith("_")]
                raise unknown_key("override", "::".join(parts), candidates)
            node = node[part] if isinstance(node, dict) else node[int(part)]
            if depth < len(parts) - 1 and not isinstance(node, dict | list):
                raise ValueError(f"override '{override}': '{part}' is {node!r} and has no parts; override it whole")


def component_arguments(target: str) -> tuple[list[str], bool]:
    """Names of the arguments that a component takes, and whether it takes any other name, too.

    Raises:
        ValueError: when there is no such component.
    """
    component: Any = ConfigParser().locator.get_component_module_name(target)
    module = target.rpartition(".")[0] if component is None else component
    if isinstance(module, list):
        module = module[0]
    found, there = optional_import(module, name=target.rpartition(".")[2])
    if not there:
        raise ValueError(f"_target_ '{target}' is not there: correct its name, or install the package that has it")
    functions: list[Callable[..., Any]] = [found]
    if inspect.isclass(found):
        functions = [vars(kind)["__init__"] for kind in found.__mro__[:-1] if "__init__" in vars(kind)]
    names: list[str] = []
    for function in functions:
        parameters = inspect.signature(function).parameters.values()
        names += [p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
        if not any(p.kind is p.VAR_KEYWORD for p in parameters):
            return [name for name in names if name != "self"], False
        if not function.__module__.startswith("monai_attn."):
            break  # ours pass **options on to their base; where others pass theirs, nobody knows
    return [name for name in names if name != "self"], True


def _given(words: Sequence[str]) -> dict[str, str | list[str]]:
    """Switches and their values as MONAI's command line (fire) reads them."""
    given: dict[str, str | list[str]] = {}
    position = 0
    while position < len(words):
        word = words[position]
        position += 1
        if not SWITCH.match(word):
            continue
        name, has_value, value = word.lstrip("-").partition("=")
        if not has_value and position < len(words) and not SWITCH.match(words[position]):
            value = words[position]
            position += 1
        given[name.replace("-", "_")] = _value(value)
    return given


def _literal(text: str) -> Any:
    """A value as MONAI's command line (fire) reads it."""
    from fire.parser import DefaultParseValue  # here, since a program without MONAI's command line has no use for it

    return DefaultParseValue(text)  # type: ignore[no-untyped-call]


def _value(text: str) -> str | list[str]:
    if (text[:1], text[-1:]) not in (("[", "]"), ("(", ")")) or Path(text).exists():
        return text
    items = _literal(text)
    if isinstance(items, list | tuple):
        return [str(item) for item in items]
    return [item.strip(" '\"") for item in text.strip("[]()").split(",")]  # [a/b.json,c.json]: fire leaves it a text
