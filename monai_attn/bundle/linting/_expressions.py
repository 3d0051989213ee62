"""``$`` expressions: a small grammar over names that are on the list; parsed and never evaluated."""

import ast
import builtins
import functools
from typing import Any

from ._allowed import LISTS, PAIRS, argument_objections, find_known, hands_on, is_watched, parameters_of, text_objection
from ._configs import IMPORT, View, parse, reference_of
from ._finding import shown

__all__ = ["Expression"]


class Expression:
    """A ``$`` string: what speaks against it in ``objections``, and what it ``names``, if it is just a name.

    Args:
        view: the config that it stands in.
        key: where it stands.
        text: the string, with its ``$``.
    """

    def __init__(self, view: View, key: str, text: str) -> None:
        self.view = view
        self.may_lead_out = key == "dataset_dir"  # data may lie beside the bundle
        self.objections: list[str] = []
        self.bound: set[str] = set()
        self.names: Any = None
        parent = view.get(key.rpartition("::")[0])[0] if "::" in key else {}
        if not IMPORT.match(text):
            try:
                tree = parse(text)
                self._texts(tree)
                self._value(tree)
                self.names = self._known(tree)
            except (ValueError, RecursionError) as error:
                self._add(str(error))
        elif key.count("::") > 1 or isinstance(parent, dict) is ("::" in key):
            self._add("an import belongs into the list 'imports'")
        elif " ".join(text[1:].split()) not in LISTS["imports"]:
            self._add("lint does not know what this import runs")

    def _add(self, objection: str) -> None:
        if objection not in self.objections:
            self.objections.append(objection)

    def _unknown(self, node: ast.AST) -> None:
        self._add(f"lint does not know what '{shown(ast.unparse(node))}' runs")

    def _texts(self, tree: ast.AST) -> None:
        """Check the texts, each and put together; note the variables."""
        appended: set[int] = set()
        for node in ast.walk(tree):  # from the outside inwards
            if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
                appended.add(id(node.right))
            if isinstance(node, ast.JoinedStr):
                appended |= {id(value) for value in node.values[1:]}
            if isinstance(node, ast.BinOp | ast.JoinedStr | ast.Call | ast.Constant):
                for text in self.view.values(node):
                    objection = text_objection(text, id(node) in appended) if isinstance(text, str) else None
                    if objection is not None and not (self.may_lead_out and objection.startswith("leads")):
                        self._add(f"'{shown(text)}' {objection}")
            if isinstance(node, ast.arg) or (isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)):
                name = node.arg if isinstance(node, ast.arg) else node.id
                self.bound.add(name)
                known = hasattr(builtins, name) or f"import {name}" in LISTS["imports"] or name in PAIRS["aliases"]
                if known or (name.startswith("__") and name.strip("_")):  # it may still mean what it did elsewhere
                    self._add(f"'{name}' is given another meaning")

    def _value(self, node: ast.AST) -> None:
        """Check a part that is used as a value."""
        path = self._path(node)
        odd = type(node).__name__ not in LISTS["grammar"] or isinstance(getattr(node, "value", None), bytes)
        if (reference := reference_of(node)) is not None:
            if self.view.hands_on_modules(reference):
                self._add(f"'@{reference}' hands on modules")
        elif isinstance(node, ast.Call | ast.Subscript) and ast.unparse(node) in LISTS["exactly"]:
            pass
        elif isinstance(node, ast.Call):
            self._call(node, self._path(node.func))
            for child in (*node.args, *(keyword.value for keyword in node.keywords)):
                self._value(child)
        elif path is not None and find_known(path) is not None:
            if hands_on(find_known(path)):
                self._add(f"it hands on '{path}' with arguments that nobody sees")
        elif path is None and isinstance(node, ast.Attribute) and node.attr in LISTS["attributes"]:
            self._value(node.value)
        elif odd or path is not None:
            self._unknown(node)
        else:
            if isinstance(node, ast.Dict):
                pairs = zip(node.keys, node.values, strict=True)
                self._arguments(None, {str(key.value): value for key, value in pairs if isinstance(key, ast.Constant)})
            for part in ast.iter_child_nodes(node):
                self._value(part)

    def _call(self, node: ast.Call, path: str | None) -> None:
        function, owner = node.func, find_known(path) if path is not None else None
        if isinstance(function, ast.Name) and path is None:
            owner = getattr(builtins, function.id, None) if function.id not in self.bound else None
        elif path is None and isinstance(function, ast.Attribute) and function.attr in LISTS["methods"]:
            self._value(function.value)
            owner = function if function.attr != "replace" or len(node.args) == 2 else None  # a path's renames
        elif path is None and (reference_of(function) is not None or isinstance(function, ast.Call | ast.Lambda)):
            self._value(function)
            owner = function if len(node.args) < 2 and not node.keywords else None
        seen = {map: len(node.args) < 3, functools.partial: bool(node.args) and self._path(node.args[0]) is not None}
        if owner is None or (path is not None and not callable(owner)) or not seen.get(owner, True):
            self._unknown(function)
        entries = parameters_of(owner).values()
        names = [entry.name for entry in entries if entry.kind in (entry.POSITIONAL_ONLY, entry.POSITIONAL_OR_KEYWORD)]
        unseen = any(isinstance(part, ast.Starred) for part in node.args) or any(not part.arg for part in node.keywords)
        if hands_on(owner) and (unseen or (isinstance(owner, type) and len(node.args) > len(names))):
            self._add(f"it hands arguments that nobody sees to '{path}'")
        given = dict(zip(names, node.args, strict=False)) | {part.arg: part.value for part in node.keywords if part.arg}
        self._arguments(None if isinstance(owner, ast.AST) else owner, given)

    def _arguments(self, owner: Any, given: dict[str, ast.expr]) -> None:
        known = {name: (self.view.values(node), self._known(node)) for name, node in given.items() if is_watched(name)}
        for name, objection in argument_objections(owner, known):
            self._add(f"{name}: {objection}")

    def _path(self, node: Any) -> str | None:
        """The dotted path that a name is, with its attributes; ``None`` for a variable's or a reference's."""
        root = node
        while isinstance(root, ast.Attribute):
            root = root.value
        named = isinstance(root, ast.Name) and root.id not in self.bound and root.id not in LISTS["builtins"]
        return ast.unparse(node) if named else None

    def _known(self, node: ast.AST) -> Any:
        path = self._path(node)
        return find_known(path) if path is not None else None
