"""Config files as MONAI merges them, and what their references and texts come to; nothing in them is evaluated."""

import ast
import copy
import itertools
import json
import math
import posixpath
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from monai.utils import optional_import

from ._allowed import ROOT, UNKNOWN

__all__ = ["IMPORT", "View", "merge", "parse", "parts_of", "read_config", "reference_of", "references_in"]

REFERENCE = re.compile(r"@\w*(?:::\w*)*")  # as MONAI matches them
IMPORT = re.compile(r"\$\s*(import|from)\b")
PASSING = re.compile(r"str|os\.path\.basename|monai_attn\.bundle\.\w+")  # what they return, they are given
MAX_PARTS, MAX_DEPTH, MAX_TEXT, MAX_EXPRESSION, MAX_VALUES, MAX_YAML = 100_000, 50, 2000, 4000, 64, 300_000
yaml, _ = optional_import("yaml")


def read_config(suffix: str, content: bytes) -> Any:
    """Content of a JSON or YAML file. Raises errors of many kinds when it cannot be read, or is made to take long."""
    config = (json.loads if suffix == ".json" else _read_yaml)(content.decode("utf-8"))
    for _, part in parts_of(config):  # so that whoever goes through it later need not look out
        if isinstance(part, dict) and not all(isinstance(key, str) for key in part):
            raise ValueError("a key is not a text: put it in quotes")
    return config


def _read_yaml(text: str) -> Any:
    depth = 0
    for event in yaml.parse(text[:MAX_YAML], yaml.SafeLoader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if isinstance(event, yaml.AliasEvent) or getattr(event, "tag", None) is not None:
            raise ValueError("it has an alias or a tag (* or !), which can stand for more than any memory holds")
        plain = isinstance(event, yaml.ScalarEvent) and event.style is None
        if depth > MAX_DEPTH or len(text) > MAX_YAML or (plain and len(event.value) > MAX_TEXT):
            raise ValueError("it is too long, too deep, or a word in it is")
    return yaml.safe_load(text)


def parts_of(content: Any) -> Iterator[tuple[str, Any]]:
    """Everything in a config with its key path, from the outside inwards and in the file's order.

    Raises:
        ValueError: when there is too much of it.
    """
    stack, count = [("", 0, content)], 0
    while stack:
        path, depth, node = stack.pop()
        count += 1
        if count > MAX_PARTS or depth > MAX_DEPTH or len(path) > MAX_TEXT:
            raise ValueError(f"it has over {MAX_PARTS} parts, is nested more than {MAX_DEPTH} times, or has long keys")
        yield path, node
        if isinstance(node, dict | list):
            pairs = list(node.items() if isinstance(node, dict) else enumerate(node))
            stack += [(f"{path}::{key}" if path else str(key), depth + 1, value) for key, value in reversed(pairs)]


def merge(*contents: dict[str, Any]) -> dict[str, Any]:
    """Lay configs over each other as MONAI does: ``a::b`` replaces one leaf, ``+a`` extends.

    MONAI refuses keys whose place is not there; here they make it, so that what they bring is looked at.
    """
    result: dict[str, Any] = {}
    for key, value in [pair for content in contents for pair in copy.deepcopy(content).items()]:
        *parents, last = key.removeprefix("+").replace("#", "::").split("::")
        node: Any = result
        try:
            for part in map(str.strip, parents):
                node = node[int(part)] if isinstance(node, list) else node.setdefault(part, {})
            place: Any = int(last) if isinstance(node, list) else last
            old = node[place] if key.startswith("+") and (isinstance(node, list) or place in node) else None
            if isinstance(old, dict) and isinstance(value, dict):
                old.update(value)
            elif isinstance(old, list) and isinstance(value, list):
                old.extend(value)
            else:
                node[place] = value
        except (AttributeError, IndexError, TypeError, ValueError):
            result[key] = value
    return result


def references_in(text: str) -> list[str]:
    """The references in a config's text, with their ``@``, as MONAI finds them."""
    return REFERENCE.findall(text.replace("#", "::"))


def reference_of(node: Any) -> str | None:
    """The key path of a reference, in an expression or as a config's value; ``None`` for anything else."""
    match node:
        case ast.Subscript(ast.Name("__local_refs"), ast.Constant(str() as path)):
            return path
        case str() if node.startswith("%") or REFERENCE.fullmatch(node.replace("#", "::")):
            return node[1:].replace("#", "::")
    return None


def parse(text: str) -> ast.expr:
    """The expression that MONAI makes of a ``$`` string. Raises ``ValueError`` when it is none.

    References are put in as MONAI does, by their text, inside of quotes, too; otherwise what is checked here could
    differ from what runs there.
    """
    code = text.removeprefix("$").replace("#", "::")
    if len(code) > MAX_EXPRESSION or re.search("[@%]::", code):
        raise ValueError("it is too long, or has a relative reference, which lint does not follow")
    for reference in sorted(references_in(code), key=len, reverse=True):
        code = code.replace(reference, f"__local_refs['{reference[1:]}']")
    try:
        return ast.parse(code, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ValueError(f"it cannot be parsed ({getattr(error, 'msg', error)})") from error


class View:
    """One config, or several laid over each other; ``others`` could be laid over these, too."""

    def __init__(self, content: dict[str, Any], others: Sequence["View"] = ()) -> None:
        self.contents: list[dict[str, Any]] = [content, *(other.contents[0] for other in others)]
        self.imports = [key for key, part in parts_of(content) if isinstance(part, str) and IMPORT.match(part)]
        self.imports += [key for other in others for key in other.imports]
        self.found: dict[str, list[Any]] = {}

    def hands_on_modules(self, path: str) -> bool:
        """Whether what a key path leads to has an import in it, whose modules could be used where nobody sees which."""
        return any(not path or f"{key}::".startswith(f"{path}::") for key in self.imports)

    def get(self, path: str) -> list[Any]:
        """What a key path leads to in each config that has it."""
        found = []
        for content in self.contents:
            node: Any = content
            try:
                for part in path.split("::"):
                    node = node[int(part)] if isinstance(node, list) else node[part]
                found.append(node)
            except (IndexError, KeyError, TypeError, ValueError):
                continue
        return found

    def values(self, value: Any, depth: int = 0) -> list[Any]:
        """Texts, numbers and constants that a value can come to, ``UNKNOWN`` among them where that cannot be told.

        What refers to nothing, or to itself, comes to nothing: MONAI stops there.
        """
        if depth > MAX_DEPTH:
            return [UNKNOWN]
        if isinstance(value, str) and value.startswith("$"):
            try:
                value = parse(value)
            except ValueError:
                return [UNKNOWN]
        if (path := reference_of(value)) is not None:
            if path == ROOT[1:]:
                return [ROOT]
            if path not in self.found:
                self.found[path] = []
                known = self.values(self.get(path), depth + 1)
                self.found[path] = [UNKNOWN] if path.startswith("_meta_") else known  # metadata lie elsewhere
            return self.found[path]
        match value:
            case ast.Constant(constant):
                return [constant]
            case ast.BinOp(left, ast.Add(), right):
                return self._joined("".join, [left, right], depth)
            case ast.JoinedStr(parts):
                return self._joined("".join, parts, depth)
            case ast.Call(function, parts, []) if ast.unparse(function) == "os.path.join":
                return self._joined(lambda texts: posixpath.join(*texts), parts, depth)
            case ast.Call(ast.Attribute(attr="strftime"), parts):
                pass
            case ast.Call(function, parts, keywords) if PASSING.fullmatch(ast.unparse(function)):
                parts = [*parts, *(keyword.value for keyword in keywords)]
            case ast.FormattedValue(part, -1, None):
                parts = [part]
            case ast.IfExp(_, one, other):
                parts = [one, other]
            case list(parts) | ast.BoolOp(_, parts) | ast.List(parts) | ast.Tuple(parts):
                pass
            case dict() if "_target_" not in value:
                parts = list(value.values())
            case ast.AST() | dict():
                return [UNKNOWN]
            case constant:
                return [constant]
        found: list[Any] = []
        for part in parts:
            found += self.values(part, depth + 1) if len(found) < MAX_VALUES else [UNKNOWN]
        return found

    def _joined(self, join: Callable[[list[str]], str], parts: list[Any], depth: int) -> list[Any]:
        values = [self.values(part, depth + 1) for part in parts]
        known = all(isinstance(text, str) for text in itertools.chain(*values))
        if not known or math.prod(map(len, values)) > MAX_VALUES:
            return [UNKNOWN]
        if reference_of(parts[0]) is not None:  # absolute ones are reported where they stand
            values[0] = [text.lstrip("/~") if len(text) > 1 else text for text in values[0]]
        texts = [join(list(several)) for several in itertools.product(*values)]
        return texts if all(len(text) < MAX_TEXT for text in texts) else [UNKNOWN]
