"""A bundle's files: links, code, weights, logging, and whether the configs are what ``bundle.json`` renders."""

import ast
import configparser
import os
from collections.abc import Iterator
from pathlib import Path

from ..._shipped_bundles import links_out
from ...handlers._checkpoint_files import is_checkpoint, read_checkpoint
from ...networks._checksum import sha256_path
from ...networks._weights import read_weights
from .._render import rendered_files
from ._finding import LintFinding, shown

__all__ = ["bundle_files", "lint_contents", "lint_rendered"]

WEIGHTS = (".pt", ".pth", ".ckpt", ".safetensors")
PROGRAMS = (
    ".py",
    ".pyc",
    ".pyd",
    ".so",
    ".dll",
    ".dylib",
    ".sh",
    ".ts",
    ".pkl",
    ".pickle",
    ".joblib",
)  # .ts: TorchScript
LOG_CLASSES = ("StreamHandler", "FileHandler", "handlers.RotatingFileHandler", "logging.Formatter", "Formatter")


def bundle_files(root: Path) -> list[Path]:
    """All files in a bundle's folder that lie there, none that a link brings in."""
    files = [Path(folder, name) for folder, _, names in os.walk(root) for name in names]
    out = set(links_out(root))
    return sorted(path for path in files if path not in out and path.is_file())


def lint_contents(root: Path) -> Iterator[LintFinding]:
    """Findings in all files but the configs."""
    for path in links_out(root):
        cure = "put the file itself there"
        yield LintFinding(_place(root, path), "", f"it links to '{shown(os.readlink(path))}', out of the bundle", cure)
    for path in bundle_files(root):
        place, suffix = _place(root, path), path.suffix.lower()
        if suffix in PROGRAMS:
            yield LintFinding(
                place, "", "it is a program, for which nothing here can vouch", "read it, or leave it out"
            )
        elif suffix in WEIGHTS:
            yield from _weights(place, path)
        elif path.name == "logging.conf":
            yield from _logging(place, path)


def lint_rendered(root: Path) -> Iterator[LintFinding]:
    """Configs that are not what the bundle's ``bundle.json`` renders; nothing where there is none."""
    if not (root / "bundle.json").is_file() or root / "bundle.json" in links_out(root):
        return
    try:
        rendered = rendered_files(root)
    except Exception as error:  # whatever a stranger's spec makes of the renderer
        yield LintFinding("bundle.json", "", f"it cannot be rendered ({shown(str(error), 300)})", "correct it")
        return
    readable = set(bundle_files(root))
    for name, text in rendered.items():
        path = root / "configs" / name
        if path not in readable or path.read_text(encoding="utf-8", errors="replace") != text:
            yield LintFinding(f"configs/{name}", "", "it differs from what bundle.json renders", "monai-attn render")


def _weights(place: str, path: Path) -> Iterator[LintFinding]:
    if is_checkpoint(path):  # a training's state, with its digest in its name
        try:
            read_checkpoint(path)
        except (OSError, ValueError) as error:
            text = shown(str(error).replace(f"'{path}'", f"'{place}'"), 400)
            yield LintFinding(place, "", text, "delete it; resume.json takes the one before")
        return
    if not sha256_path(path).is_file():
        cure = f"sha256sum {path.name} > {path.name}.sha256 in its folder"
        yield LintFinding(place, "", "its SHA-256 is not recorded", cure)
    try:
        read_weights(path)  # as every run does: it refuses code without running it
    except (OSError, ValueError, ModuleNotFoundError) as error:
        text, _, cure = str(error).replace(f"'{path}'", f"'{place}'").rpartition(": ")
        yield LintFinding(place, "", shown(text, 400), cure)


def _logging(place: str, path: Path) -> Iterator[LintFinding]:
    """Python evaluates ``class``, ``args`` and ``kwargs`` of a logging config."""
    parser = configparser.RawConfigParser()
    try:
        parser.read_string(path.read_text(encoding="utf-8"))
    except (configparser.Error, ValueError) as error:
        yield LintFinding(place, "", f"it cannot be read ({shown(str(error), 200)})", "correct it")
        return
    for section in parser.sections():
        for key, value in parser.items(section):
            plain = value in LOG_CLASSES if key == "class" else key not in ("args", "kwargs") or _is_plain(value)
            if not plain:
                text = f"'{shown(value)}' would be evaluated"
                yield LintFinding(
                    place, f"{section}::{key}", text, "use a handler of logging, with constants or sys.stdout"
                )


def _is_plain(code: str) -> bool:
    """Whether there are only constants, and standard output or error, in some code."""
    try:
        tree = ast.parse(code.replace("sys.stdout", "None").replace("sys.stderr", "None"), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    kinds = ast.Expression | ast.Tuple | ast.List | ast.Dict | ast.Constant | ast.expr_context
    return all(isinstance(node, kinds) for node in ast.walk(tree))


def _place(root: Path, path: Path) -> str:
    return path.relative_to(root).as_posix()
