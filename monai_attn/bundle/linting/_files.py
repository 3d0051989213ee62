"""A bundle's files: nothing but regular ones is opened, and none that a link brings in."""

import configparser
import hashlib
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ...handlers._checkpoint_files import is_checkpoint
from ...networks._checksum import WeightsError, sha256_path
from ...networks._torch_file import read_torch_file
from ...networks._weights import MAX_BYTES, read_weights
from ._allowed import LISTS, PAIRS
from ._configs import read_config
from ._finding import LintFinding, shown

__all__ = ["find_files", "lint_file"]

PROGRAMS = (b"#!", b"\x7fELF", b"MZ", b"\xfe\xed\xfa", b"\xcf\xfa\xed\xfe", b"\xce\xfa\xed\xfe", b"\xca\xfe\xba\xbe")
MAX_FILES, MAX_CONFIG = 20_000, 4_000_000


def find_files(root: Path) -> Iterator[tuple[str, Path, str]]:
    """All that lies in a bundle: its place there, its path, and what is wrong with it unless it is a regular file."""
    left, count = [root], 0
    while left and count < MAX_FILES:
        path, count = left.pop(), count + 1
        try:
            objection = _objection(path, root)
            if not objection and path.is_dir():
                left += sorted(path.iterdir(), reverse=True)
                continue
        except OSError as error:
            objection = f"it cannot be read ({error.strerror})"
        yield path.relative_to(root).as_posix(), path, objection
    if left:
        yield ".", root, f"it has more than {MAX_FILES} files"


def _objection(path: Path, root: Path) -> str:
    """What is wrong with something in a bundle by itself, empty for regular files and folders."""
    if path.is_symlink() and path != root:
        target = Path(os.path.realpath(path))  # unlike resolve, at ease with loops
        inside = target.is_relative_to(os.path.realpath(root)) and target.is_file()
        return "" if inside else f"it links to '{shown(os.readlink(path))}', which is not a file of the bundle"
    if path.is_dir():
        return "it is a hidden folder" if path.name.startswith(".") and path != root else ""
    return "" if path.is_file() else "it is not a regular file"


def lint_file(place: str, path: Path, configs: dict[str, Any]) -> Iterator[LintFinding]:
    """Findings in a file by itself; what a config has in it is kept for later. Raises errors of many kinds."""
    with path.open("rb") as file:
        program = file.read(4).startswith(PROGRAMS) or (os.name == "posix" and os.fstat(file.fileno()).st_mode & 0o111)
    suffix = "".join(path.name.lower().rpartition(".")[1:]) if "." in path.name else path.name
    if program or suffix not in LISTS["files"]:
        text = "it is a program" if program else "lint does not know what this is or runs"
        yield LintFinding(place, "", text, "read it, or leave it out")
    match suffix:
        case ".json" | ".yaml" | ".yml":
            configs[place] = read_config(suffix, _read(path, MAX_CONFIG // (1 + len(configs) // 4)))
        case ".conf" | ".cfg" | ".ini":
            yield from _lint_logging(place, _read(path, MAX_CONFIG).decode("utf-8"))
        case ".pt" | ".pth" | ".ckpt" | ".safetensors":
            yield from _lint_weights(place, path)


def _read(path: Path, limit: int) -> bytes:
    with path.open("rb") as file:
        content = file.read(limit + 1)
    if len(content) > limit:
        raise ValueError(f"it has more than {limit / 1e6:.1f} MB")
    return content


def _lint_weights(place: str, path: Path) -> Iterator[LintFinding]:
    if is_checkpoint(path):  # a training's state, with its digest in its name
        content = _read(path, MAX_BYTES)
        if not hashlib.sha256(content).hexdigest().startswith(path.stem.rpartition("-")[2]):
            raise ValueError("it is damaged: its SHA-256 does not begin with the digits in its name")
        read_torch_file(content)
        return
    if not sha256_path(path).is_file():
        cure = f"sha256sum {path.name} > {path.name}.sha256 in its folder"
        yield LintFinding(place, "", "its SHA-256 is not recorded", cure)
    try:
        read_weights(path)
    except WeightsError as error:
        yield LintFinding(place, "", shown(error.fact.replace(f"'{path}'", f"'{place}'"), 400), error.cure)


def _lint_logging(place: str, text: str) -> Iterator[LintFinding]:
    parser = configparser.RawConfigParser()
    if any(len(line) > 1000 for line in text.splitlines()):
        raise ValueError("it has lines of more than 1000 letters")  # the parser takes long for these
    parser.read_string(text)
    for section in (parser.default_section, *parser.sections()):
        for key, value in parser.items(section):
            if not re.fullmatch(PAIRS["logging"].get(key, ""), value, re.DOTALL):
                text, cure = f"lint does not know what '{shown(value)}' runs", "use a StreamHandler with sys.stdout"
                yield LintFinding(place, f"{section}::{key}", text, cure)
