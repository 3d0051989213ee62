"""``$`` expressions, parsed and never evaluated."""

import ast
import builtins
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import ModuleType

from ._names import (
    CLASS_CALLERS,
    CLASS_NAMES,
    EXPRESSION_ROOTS,
    IMPORTS,
    MODULES,
    SAFE_BUILTINS,
    TARGET_ROOTS,
    loaded,
    name_objection,
    path_objection,
)

__all__ = ["aliases_of", "expression_objections", "expression_strings", "parse_expression"]

REFERENCE = re.compile(r"@\w*(?:::\w*)*")  # as MONAI matches them
REFERENCES = "__local_refs"  # MONAI's name for what they refer to
DUNDER = re.compile(r"__\w+__")


def parse_expression(text: str) -> ast.Module:
    """The code that MONAI evaluates for a config's ``$`` string.

    References are put in as MONAI does, by their text, inside of quotes, too; otherwise what is checked here could
    differ from what runs there.

    Args:
        text: the string, with its ``$``.

    Raises:
        ValueError: when it is no Python.
    """
    code = re.sub(r"([@%])(?:::)+", r"\1", text.removeprefix("$").replace("#", "::"))  # relative ones
    for reference in sorted(REFERENCE.findall(code), key=len, reverse=True):
        code = code.replace(reference, f"{REFERENCES}['{reference[1:]}']")
    try:
        return ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        reason = error.msg if isinstance(error, SyntaxError) else str(error) or type(error).__name__
        raise ValueError(reason) from error


def aliases_of(texts: list[str]) -> dict[str, set[str]]:
    """Names that import statements among ``$`` strings bind, and the dotted paths that they may stand for."""
    found: dict[str, set[str]] = {name: {name} for name in EXPRESSION_ROOTS}
    for text in texts:
        try:
            body = parse_expression(text).body
        except ValueError:
            continue
        for node in body:
            for path, name in _imported(node):
                found.setdefault(name, set()).add(path)
    return found


def expression_objections(text: str, aliases: Mapping[str, set[str]]) -> list[str]:
    """What is wrong with a ``$`` string; empty when nothing is.

    Args:
        text: the string, with its ``$``.
        aliases: what imports bind, from :func:`aliases_of`.
    """
    try:
        tree = parse_expression(text)
    except ValueError as error:
        return [f"it cannot be parsed ({error})"]
    if len(tree.body) == 1 and isinstance(tree.body[0], ast.Import | ast.ImportFrom):
        return [o for path, _ in _imported(tree.body[0]) if (o := _import_objection(path)) is not None]
    if len(tree.body) != 1 or not isinstance(tree.body[0], ast.Expr):
        return ["it is neither one expression nor one import"]
    return _Names(tree, aliases).objections


def expression_strings(text: str) -> Iterator[str]:
    """String constants of a ``$`` string that start a text; what is appended to another is left out."""
    try:
        tree = parse_expression(text)
    except ValueError:
        return
    appended: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            appended.add(id(node.right))
        if isinstance(node, ast.JoinedStr):
            appended |= {id(value) for value in node.values[1:]}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value.lstrip("/") if id(node) in appended else node.value


def _imported(node: ast.stmt) -> Iterator[tuple[str, str]]:
    """Dotted path and bound name of what an import statement imports."""
    if isinstance(node, ast.Import):
        for name in node.names:  # MONAI binds the whole path, as Python does with an alias only
            yield name.name, name.asname or name.name.split(".")[0]
    if isinstance(node, ast.ImportFrom):
        for name in node.names:
            yield f"{'.' * node.level}{node.module or ''}.{name.name}", name.asname or name.name


def _import_objection(path: str) -> str | None:
    parts = path.split(".")
    if not all(part.isidentifier() for part in parts):
        return f"it imports '{path}'"
    objection = path_objection(parts, IMPORTS)
    return None if objection is None else f"it imports '{path}', and {objection}"


@dataclass
class _Names:
    """Names and attributes of an expression, and what speaks against them."""

    tree: ast.Module
    aliases: Mapping[str, set[str]]
    objections: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.bound = {n.id for n in ast.walk(self.tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
        self.bound |= {n.arg for n in ast.walk(self.tree) if isinstance(n, ast.arg)}
        for name in sorted(self.bound):  # elsewhere in the expression it may still mean what it did
            if name in self.aliases or (hasattr(builtins, name) and name not in SAFE_BUILTINS) or name.startswith("__"):
                self._add(f"'{name}' is given another meaning")
        self.called: set[int] = set()  # functions whose arguments were looked at
        self.read_through: set[int] = set()  # modules that only lead to a member, and references
        for node in ast.walk(self.tree):  # from the outside inwards, so that a chain is met at its end
            self._visit(node)

    def _visit(self, node: ast.AST) -> None:
        if isinstance(node, ast.Subscript) and _is_references(node.value):
            if isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, str):
                self.read_through.add(id(node.value))
        elif isinstance(node, ast.Attribute):
            if id(node) not in self.read_through:
                self._chain(node)
        elif isinstance(node, ast.Name):
            if id(node) not in self.read_through:
                self._name(node.id)
        elif isinstance(node, ast.Call):
            self._call(node)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            self._text(node.value)
        elif isinstance(node, ast.keyword) and node.arg in CLASS_NAMES:
            values = node.value.elts if isinstance(node.value, ast.List | ast.Tuple) else [node.value]
            for value in values:
                written = isinstance(value, ast.Constant) and isinstance(value.value, str | None)
                self._add(None if written else f"'{node.arg}' is not written out")
        elif isinstance(node, ast.keyword) and node.arg == "allow_pickle":
            self._add("'allow_pickle' unpickles")
        elif isinstance(node, ast.keyword) and node.arg == "weights_only" and not _is_true(node.value):
            self._add("'weights_only' unpickles where it is not True")

    def _text(self, text: str) -> None:
        """A dotted name in quotes may be what MONAI looks up and calls."""
        if hit := DUNDER.search(text):
            self._add(f"'{hit[0]}' is one of Python's internals")
        parts = text.split(".")
        if len(parts) > 1 and all(part.isidentifier() for part in parts):
            if parts[0] in MODULES:
                self._add(f"'{text}' names something of Python's")
            elif parts[0] in TARGET_ROOTS:
                self._add(path_objection(parts, TARGET_ROOTS))

    def _call(self, call: ast.Call) -> None:
        """Readers and writers are looked up by name: none of these may be put together where nobody sees it."""
        name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
        if not CLASS_CALLERS.fullmatch(name):
            return
        self.called.add(id(call.func))
        for argument in [*call.args, *(keyword.value for keyword in call.keywords if keyword.arg is None)]:
            for part in argument.elts if isinstance(argument, ast.List | ast.Tuple) else [argument]:
                if not isinstance(part, ast.Constant):
                    self._add(f"an argument of '{name}' is not written out")

    def _chain(self, outermost: ast.Attribute) -> None:
        parts: list[str] = []
        node: ast.expr = outermost
        while isinstance(node, ast.Attribute):
            self.read_through.add(id(node))
            parts.insert(0, node.attr)
            node = node.value
        if CLASS_CALLERS.fullmatch(parts[-1]) and id(outermost) not in self.called:
            self._add(f"it hands on '{parts[-1]}' as a value")
        if isinstance(node, ast.Name) and node.id in self.aliases:
            self.read_through.add(id(node))
            for path in sorted(self.aliases[node.id]):
                full = [*path.split("."), *parts]
                self._add(path_objection(full, IMPORTS) or _module_objection(full))
        else:
            for part in parts:
                self._add(name_objection(part))

    def _name(self, name: str) -> None:
        if name in self.aliases:
            for path in sorted(self.aliases[name]):
                self._add(path_objection(path.split("."), IMPORTS) or _module_objection(path.split(".")))
        elif name not in self.bound:
            self._add(name_objection(name, builtin=True))
            if name not in SAFE_BUILTINS and not self.objections:
                self._add(f"'{name}' is no reference, no import and no harmless function of Python")

    def _add(self, objection: str | None) -> None:
        if objection is not None and objection not in self.objections:
            self.objections.append(objection)


def _is_true(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is True


def _is_references(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id == REFERENCES


def _module_objection(parts: list[str]) -> str | None:
    """A module handed on as a value could be used where nobody sees which one it is."""
    if isinstance(loaded(parts), ModuleType):
        return f"it hands on the module '{'.'.join(parts)}' as a value"
    return None
