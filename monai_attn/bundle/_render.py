"""A bundle's spec and the templates -> its config files."""

import hashlib
import json
import re
from collections.abc import Iterator
from importlib.resources import files
from os import PathLike
from pathlib import Path
from typing import Any

from .._atomic_files import write_whole
from ._suggestions import unknown_key

__all__ = ["render", "render_config", "render_spec", "rendered_files"]

BASES = {
    "train": ("common", "train"),
    "evaluate": ("common", "prediction", "evaluate"),
    "inference": ("common", "prediction", "inference"),
}
OVERLAYS = (
    "finetune",
    "resume",
    "multi_gpu_train",
    "multi_gpu_evaluate",
    "inference_probabilities",
    "inference_ensemble",
    "tracking_mlflow",
    "tracking_tensorboard",
)
REQUIRED = "_required_"
WIDTH = 120
CURE = "make room and see that the folder is writable; what was there before is intact"
DESCRIPTION = "_desc_"
RENDERED = "Rendered from bundle.json: edit that and run monai-attn render, which overwrites no edits made here."
STAMP = re.compile(r"\[([0-9a-f]{12})\]")  # digest of what was rendered, which tells edits from an older rendering


def render(bundle_root: str | PathLike[str], write: bool = True, overwrite: bool = False) -> list[Path]:
    """Write ``configs/`` of a bundle from its ``bundle.json`` and the templates.

    Args:
        bundle_root: folder with ``bundle.json``.
        write: otherwise only see what would change.
        overwrite: whether files that were edited by hand since they were rendered are replaced, too.

    Returns:
        the files that changed, or would.

    Raises:
        FileExistsError: when a file to be replaced has been edited; nothing is written then.
        FileNotFoundError: when there is no ``bundle.json``.
        ValueError: when it cannot be read, has unknown keys, or lacks some that must be there.
    """
    folder = Path(bundle_root) / "configs"
    texts = {folder / name: text for name, text in rendered_files(bundle_root).items()}
    old = {path: path.read_text(encoding="utf-8", errors="replace") for path in texts if path.is_file()}
    changed = [path for path, text in texts.items() if old.get(path) != text]
    edited = [path for path in changed if path in old and not _is_as_rendered(old[path])]
    if write and edited and not overwrite:
        raise FileExistsError(
            f"'{edited[0]}' was edited since it was rendered ({len(edited)} file(s) in all): move the change to "
            "bundle.json, or pass --force to lose it"
        )
    for path in changed if write else []:
        path.parent.mkdir(exist_ok=True)
        _write(path, texts[path])
    return changed


def render_spec(spec: dict[str, Any], bundle_root: str | PathLike[str]) -> None:
    """Write ``bundle.json`` and ``configs/`` of a bundle. Raises as :func:`render`.

    Args:
        spec: content of ``bundle.json``.
        bundle_root: folder of the bundle, made if it does not exist.
    """
    root = Path(bundle_root)
    root.mkdir(parents=True, exist_ok=True)
    _write(root / "bundle.json", f"{_pretty(spec)}\n")
    render(root)


def rendered_files(bundle_root: str | PathLike[str]) -> dict[str, str]:
    """Content of each file in ``configs/``, by name; nothing is written. Raises as :func:`render`.

    ``bundle.json`` has a section for each template that it changes. ``common`` goes into all workflows, ``prediction``
    into ``evaluate`` and ``inference``, the others into the file of their name. A key replaces the template's key of
    that name; ``a::b`` replaces one leaf.
    """
    path = Path(bundle_root) / "bundle.json"
    if not path.is_file():
        raise FileNotFoundError(f"'{path}' does not exist: pass the folder of a bundle that has one")
    try:
        spec = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"'{path}' cannot be read as JSON ({error}): correct it") from error
    sections = [*dict.fromkeys(name for names in BASES.values() for name in names), *OVERLAYS, "metadata"]
    for name in spec:
        if name not in sections:
            raise unknown_key(f"'{path}': section", name, sections)
    configs = (*BASES, *OVERLAYS, "metadata")
    result = {f"{name}.json": _pretty(_stamped(render_config(name, spec, str(path)))) + "\n" for name in configs}
    logging = _template("logging.conf")
    result["logging.conf"] = f"# {RENDERED} [{_digest(logging)}]\n{logging}"
    return result


def render_config(name: str, spec: dict[str, Any], where: str = "bundle.json") -> dict[str, Any]:
    """Content of one config, such as "train", from a bundle's spec; ``where`` is named in errors."""
    templates = BASES.get(name, (name,))
    content: dict[str, Any] = {}
    for template in templates:
        content |= json.loads(_template(f"{template}.json"))
    for template in templates:
        for key, value in spec.get(template, {}).items():
            _replace(content, key, value, f"'{where}': {template}")
    if "common" in templates:  # what only some bundles need, such as pairs of sides
        references = set(re.findall(r"@(\w+)", json.dumps(content)))
        shared = json.loads(_template("common.json"))
        keep = {*references, "imports", "bundle_root"}
        content = {key: value for key, value in content.items() if key in keep or key not in shared}
    missing = [key for key, value in content.items() if value == REQUIRED]
    if missing:
        raise ValueError(f"'{where}': {templates[-1]} needs '{missing[0]}', which has no default: add it")
    return content


def _write(path: Path, text: str) -> None:
    content = text.encode(errors="backslashreplace")  # JSON reads \udce9 as what stands for a byte that is not UTF-8
    write_whole(path, lambda file: file.write(content), cure=CURE)


def _stamped(content: dict[str, Any]) -> dict[str, Any]:
    """A config that says that it was rendered, and how to tell whether it was edited since."""
    content = {key: value for key, value in content.items() if key != DESCRIPTION}
    return {DESCRIPTION: f"{RENDERED} [{_digest(content)}]", **content}


def _is_as_rendered(text: str) -> bool:
    """Whether a file is what some rendering has written, its layout aside."""
    try:
        content = json.loads(text)
        said = str(content.pop(DESCRIPTION, "")) if isinstance(content, dict) else ""
    except ValueError:  # logging.conf
        said, _, content = text.partition("\n")
    stamp = STAMP.search(said)
    return stamp is not None and stamp[1] == _digest(content)


def _digest(content: Any) -> str:
    text = content if isinstance(content, str) else json.dumps(content)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _template(name: str) -> str:
    return files("monai_attn").joinpath("templates", name).read_text(encoding="utf-8")


def _replace(content: dict[str, Any], key: str, value: Any, where: str) -> None:
    *path, leaf = key.split("::")
    node: Any = content
    for part in (*path, leaf):
        if not isinstance(node, dict) or part not in node:
            raise unknown_key(where, key, [*content, *_paths(content)])
        parent, node = node, node[part]
    parent[leaf] = value


def _paths(content: dict[str, Any], prefix: str = "") -> Iterator[str]:
    for key, value in content.items():
        if isinstance(value, dict):
            yield from (f"{prefix}{key}::{inner}" for inner in value)
            yield from _paths(value, f"{prefix}{key}::")


def _pretty(value: Any, indent: str = "", used: int = 0) -> str:
    """JSON with what fits into a line in one line."""
    line = json.dumps(value, ensure_ascii=False)
    fits = len(indent) + used + len(line) <= WIDTH and indent != ""
    if fits or not isinstance(value, dict | list) or not value:
        return line
    inner = indent + "    "
    if isinstance(value, list):
        items = [inner + _pretty(item, inner) for item in value]
        return "[\n" + ",\n".join(items) + f"\n{indent}]"
    names = {key: f"{json.dumps(key, ensure_ascii=False)}: " for key in value}
    items = [inner + name + _pretty(value[key], inner, len(name)) for key, name in names.items()]
    return "{\n" + ",\n".join(items) + f"\n{indent}}}"
