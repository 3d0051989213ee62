"""Check a bundle, which may be a stranger's, before anything of it runs."""

from os import PathLike
from pathlib import Path
from typing import Any

from ..._shipped_bundles import find_bundle
from ._configs import SUFFIXES, lint_strings, read_config
from ._contents import bundle_files, lint_contents, lint_rendered
from ._finding import LintFinding
from ._keys import lint_keys
from ._metadata import FILE as METADATA
from ._metadata import lint_metadata

__all__ = ["lint"]


def lint(bundle_root: str | PathLike[str]) -> list[LintFinding]:
    """What is wrong with a bundle; its files are parsed, and no code in them is imported or run.

    Configs are code: MONAI calls what ``_target_`` names and evaluates what starts with ``$``. Reported are names
    outside MONAI, monai-attn, PyTorch and Ignite, and those in them that run, fetch or unpickle other things; absolute
    paths; keys that nothing uses; metadata that lack something or belong to another network; weights without or with
    another SHA-256, or with code; programs, and links out of the folder. It reads what is written there and is no
    sandbox: a bundle without findings can still be wrong, and one that was made to deceive may pass.

    Args:
        bundle_root: folder of the bundle, or the name of a shipped one.

    Returns:
        the findings, by file; empty when there are none.

    Raises:
        ValueError: when there is no such bundle.
    """
    root = find_bundle(bundle_root)
    if not (root / "configs").is_dir():
        raise ValueError(f"bundle_root='{bundle_root}' has no folder 'configs': pass the folder of a bundle")
    findings: list[LintFinding] = []
    contents: dict[str, Any] = {}
    for path in bundle_files(root):
        file = path.relative_to(root).as_posix()
        if path.suffix.lower() in SUFFIXES and (file.startswith("configs/") or _runs_something(path)):
            try:
                contents[file] = read_config(path)
            except ValueError as error:
                findings.append(LintFinding(file, "", f"it cannot be read ({error})", "correct it"))
    findings += lint_strings(contents)
    configs = {file: contents[file] for file in contents if file.startswith("configs/") and file != METADATA}
    findings += [
        LintFinding(file, "", "it is no object", "write {...}")
        for file, content in configs.items()
        if not isinstance(content, dict)
    ]
    findings += lint_keys(configs)
    if METADATA in contents:
        findings += lint_metadata(contents[METADATA], configs)
    elif not any(finding.file == METADATA for finding in findings):
        findings.append(LintFinding(METADATA, "", "it is missing", "write what the model zoo's schema asks for"))
    findings += lint_rendered(root)
    findings += lint_contents(root)
    return sorted(findings, key=lambda finding: finding.file)  # and in the order of the checks


def _runs_something(path: Path) -> bool:
    """Whether a file beside the configs is one, too; ``bundle.json`` is what they are rendered from."""
    text = path.read_text(encoding="utf-8", errors="replace")
    return path.name != "bundle.json" and ("_target_" in text or "$" in text)
