"""What a config may use, and with which arguments: the list in ``allowed.txt``, judged by what a name leads to."""

import enum
import functools
import importlib
import inspect
import pydoc
import re
import sys
from collections.abc import Iterator, Mapping
from importlib.resources import files
from types import ModuleType
from typing import Any

import torch
from monai.bundle import ComponentLocator

__all__ = [
    *(
        "LISTS",
        "PAIRS",
        "ROOT",
        "UNKNOWN",
        "argument_objections",
        "find_known",
        "find_targets",
        "hands_on",
        "is_watched",
    ),
    *("parameters_of", "text_objection"),
]

ROOMS = ("networks", "losses", "inferers", "handlers", "engines", "data")  # of this package: all that is public there
UNKNOWN, ROOT = object(), "@bundle_root"  # what cannot be told; the value of @bundle_root
READERS, FLAGS = ("reader", "writer", "merger_cls"), ("weights_only", "allow_pickle", "download", "pretrained")
ABSOLUTE = re.compile(r"/.|~[/\\]|~\w+[/\\]|~$|[A-Za-z]:[\\/]|\\\\|\w+:/|file:", re.IGNORECASE)
UPWARDS = re.compile(r"(^|[\\/])\.\.([\\/]|$)|^[\\/]$|^@bundle_root[^\\/]")  # the last is another folder beside it
_text = re.sub(r"(?m)^#.*\n", "", files(__package__).joinpath("allowed.txt").read_text(encoding="utf-8"))
_, *_parts = re.split(r"(?m)^\[(\w+)\]\n", _text)
_SECTIONS = {name: part.strip() for name, part in zip(_parts[::2], _parts[1::2], strict=True)}
_TEMPLATES = "".join(path.read_text(encoding="utf-8") for path in files("monai_attn").joinpath("templates").iterdir())
_OURS = {name for chain in re.findall(r"@[\w:]+\.([\w.]+)", _TEMPLATES) for name in chain.split(".")}
LISTS = {name: frozenset(part.split()) for name, part in _SECTIONS.items()}
LISTS |= {name: frozenset(_SECTIONS[name].split("\n")) for name in ("imports", "exactly")}
LISTS |= {name: LISTS[name] | _OURS for name in ("methods", "attributes")}
PAIRS = {name: dict(re.findall(r"(?m)^(\S+): (.*)$", part)) for name, part in _SECTIONS.items()}
PLACES = re.compile("|".join(LISTS["places"]))


@functools.cache
def find_known(path: str) -> Any:
    """What a dotted path leads to if that is on the list, ``None`` otherwise; nothing is imported."""
    root, dot, rest = path.partition(".")
    path = PAIRS["aliases"].get(path) or f"{PAIRS['aliases'].get(root, root)}{dot}{rest}"
    if path in _listed():
        return _listed()[path]
    found = _find(path)
    if isinstance(found, torch.dtype | float | int | enum.Enum):
        return found
    if any(found is other for other in (*_listed().values(), *_ours())):
        return found
    if isinstance(found, type) and issubclass(found, _kinds()) and f"{found.__module__}.".startswith(_modules()):
        return None if re.fullmatch("|".join(LISTS["except"]), found.__name__) else found
    return None


def find_targets(target: str) -> list[Any]:
    """What MONAI may take for a ``_target_``: several for a short name; ``None`` for each that is not on the list."""
    _ours()  # loads them
    places = _locator().get_component_module_name(target) or [""]
    return [find_known(f"{place}.{target}".strip(".")) for place in ([places] if isinstance(places, str) else places)]


def _find(path: str) -> Any:
    """What a dotted path leads to among the modules that are loaded."""
    root, *parts = path.split(".")
    node: Any = sys.modules.get(root) if f"import {root}" in LISTS["imports"] else None
    for part in parts:
        if isinstance(node, ModuleType) and node.__name__.startswith("monai_attn"):
            node = getattr(node, part, None)  # loads on first use
        elif isinstance(node, ModuleType):
            node = vars(node).get(part)
        else:
            node = node.__members__.get(part) if isinstance(node, enum.EnumType) else None
    return node


_locator = functools.cache(ComponentLocator)
_kinds: Any = functools.cache(lambda: tuple(pydoc.locate(name) for name in LISTS["kinds"]))
_modules: Any = functools.cache(lambda: tuple(f"{module}." for module in LISTS["modules"]))


@functools.cache
def _listed() -> dict[str, Any]:
    found: dict[str, Any] = {}
    for place, names in (line.split(": ") for line in _SECTIONS["names"].splitlines()):
        found |= {f"{place}.{name}": getattr(pydoc.locate(place), name, None) for name in names.split()}
    return found


@functools.cache
def _ours() -> list[Any]:
    """What is public in the rooms of this package, and what its templates call of ``monai_attn.bundle``."""
    there = [f"monai_attn.{room}" for room in ROOMS if importlib.util.find_spec(f"monai_attn.{room}")]
    found = [getattr(room, name) for room in map(importlib.import_module, there) for name in room.__all__]
    bundle = importlib.import_module("monai_attn.bundle")
    found += [getattr(bundle, name) for name in set(re.findall(r"\bmonai_attn\.bundle\.(\w+)", _TEMPLATES))]
    return [entry for entry in found if callable(entry)]


def text_objection(text: str, appended: bool = False) -> str | None:
    """Why a text, as a path (``appended`` to something or not), leads out of the bundle; ``None`` if it does not."""
    if not appended and ABSOLUTE.match(text.strip()):
        return "is a URL" if re.match(r"\s*\w\w+:/", text) else "is an absolute path"
    return "leads out of the bundle" if UPWARDS.search(text.strip()) and text != "/" else None


def argument_objections(owner: Any, given: Mapping[str, tuple[list[Any], Any]]) -> Iterator[tuple[str, str]]:
    """Names of arguments by which something would read, write, fetch or call other things, and what it would do.

    Args:
        owner: what takes them; ``None`` where that is not seen.
        given: arguments by their names: all that each can come to, from :meth:`View.values`, and the class that stands
            there instead of a text, if there is one.
    """
    parameters, ours = parameters_of(owner), str(getattr(owner, "__module__", "")).startswith("monai_attn.")
    defaults = {name: ([parameters[name].default], None) for name in FLAGS if name in parameters}
    for name, (values, names) in {**defaults, **given}.items():
        texts = [value for value in values if isinstance(value, str)]
        place = PLACES.fullmatch(name)
        objection = None
        if name in READERS and not all(map(_is_reader, values if names is None else [names])):
            objection = "lint does not know what this runs"
        elif name == "weights_only" and set(values) != {True}:
            objection = "it unpickles where this is not true"
        elif name in PAIRS["unset"] and not (place and (ours or owner is None)):
            objection = None if set(values) <= {None, False, ""} else PAIRS["unset"][name]
        elif place and UNKNOWN in values:
            objection = "lint cannot tell where this leads"
        elif place and name != "dataset_dir" and any(map(UPWARDS.search, texts)):
            objection = "it leads out of the bundle"
        elif name.endswith("uri") and any(re.match("databricks|uc", text) for text in texts):
            objection = "it is a server's"  # as MLflow knows it
        if objection is not None:
            yield name, objection


def _is_reader(value: Any) -> bool:
    """Whether a text, or a class, is a reader's or a writer's."""
    name = value.__name__ if isinstance(value, type) else str(value)
    path = f"{value.__module__}.{name}" if isinstance(value, type) else name
    ours = path.startswith("monai_attn.data.") and isinstance(find_known(path), type)
    return value is None or name.lower() in LISTS["readers"] or ours


def hands_on(owner: Any) -> bool:
    """Whether something would take arguments that matter from whoever calls it, where nobody sees them."""
    entries = parameters_of(owner).values()
    open_ended = any(entry.kind is entry.VAR_KEYWORD for entry in entries) and not _is_reader(owner)
    return open_ended or any(is_watched(entry.name) for entry in entries)


def is_watched(name: str) -> bool:
    """Whether what an argument is called says that it matters."""
    return name in (*READERS, *FLAGS, *PAIRS["unset"]) or PLACES.fullmatch(name) is not None


def parameters_of(owner: Any) -> dict[str, inspect.Parameter]:
    """Parameters of a class or function; none where Python cannot tell."""
    try:
        return dict(inspect.signature(owner).parameters)
    except (TypeError, ValueError):
        return {}
