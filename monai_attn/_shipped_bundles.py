"""Find, list and copy the shipped bundles, with the standard library alone: the command line must start fast."""

import json
import os
import shutil
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

__all__ = [
    "BundleInfo",
    "bundle_dir",
    "check_inside",
    "check_weights_inside",
    "copy_bundle",
    "find_bundle",
    "links_out",
    "list_bundles",
]

PACKAGE = Path(__file__).resolve().parent
CLONE = PACKAGE.parent


@dataclass(frozen=True)
class BundleInfo:
    """A row of ``monai-attn list``.

    Attributes:
        name: name of the bundle's folder.
        task: what the bundle segments.
        modality: "MR" or "CT", for example.
        spatial_dims: 2 or 3.
        dice: mean Dice on held-out cases, from the bundle's metadata; NaN if not given there.
        megabytes: size of the weights in MB (10**6 bytes).
        expected_input: what images it is for.
    """

    name: str
    task: str
    modality: str
    spatial_dims: int
    dice: float
    megabytes: float
    expected_input: str = ""


def bundle_dir(name: str) -> Path:
    """Folder of a shipped bundle: inside the installed package, or beside it in a clone.

    Raises:
        ValueError: when no shipped bundle has that name; the message lists the names.
    """
    shipped = _shipped()
    if name not in shipped:
        raise ValueError(f"bundle '{name}' is not shipped: use one of {', '.join(sorted(shipped)) or '(none found)'}")
    return shipped[name]


def find_bundle(bundle: str | PathLike[str]) -> Path:
    """Folder of a bundle, given that folder or the name of a shipped bundle.

    Raises:
        ValueError: when it is neither.
    """
    if Path(bundle).is_dir():
        return Path(bundle)
    try:
        return bundle_dir(str(bundle))
    except ValueError as error:
        raise ValueError(f"{error}, or pass the folder of a bundle") from None


def list_bundles() -> list[BundleInfo]:
    """The shipped bundles, sorted by name."""
    infos = []
    for name, root in sorted(_shipped().items()):
        metadata = json.loads((root / "configs" / "metadata.json").read_text(encoding="utf-8"))
        image = metadata["network_data_format"]["inputs"]["image"]
        weights = root / "models" / "model.pt"
        infos.append(
            BundleInfo(
                name=name,
                task=metadata["task"],
                modality=image["modality"],
                spatial_dims=len(image["spatial_shape"]),
                dice=metadata.get("eval_metrics", {}).get("dice_mean", float("nan")),
                megabytes=weights.stat().st_size / 1e6 if weights.is_file() else 0.0,
                expected_input=metadata.get("expected_input", ""),
            )
        )
    return infos


def copy_bundle(name: str, parent: str | PathLike[str]) -> Path:
    """Copy a shipped bundle to ``<parent>/<name>``, where it can be edited.

    Args:
        name: name of the bundle.
        parent: parent folder of the copy; created if it does not exist.

    Returns:
        folder of the copy.

    Raises:
        ValueError: when no shipped bundle has that name, or it contains a link to something outside its folder.
        FileExistsError: when ``<parent>/<name>`` exists.
        OSError: when the copy cannot be written; a partial copy is removed.
    """
    source, target = bundle_dir(name), Path(parent) / name
    for link in links_out(source):
        check_inside(source, link)
    if os.path.lexists(target):  # a broken link counts, too
        raise FileExistsError(f"'{target}' exists already: remove it, or copy to another folder")
    try:
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", "eval", ".*"))
    except OSError as error:  # shutil's own has one reason per file
        shutil.rmtree(target, ignore_errors=True)
        reason = error.args[0][0][2] if isinstance(error, shutil.Error) else error
        raise OSError(f"'{target}' cannot be written ({reason}): make room there, or copy to another folder") from error
    return target


def links_out(root: Path) -> list[Path]:
    """Symbolic links in a bundle that lead out of its folder; links to folders are not followed."""
    entries = [Path(folder, name) for folder, folders, names in os.walk(root) for name in (*folders, *names)]
    return sorted(path for path in entries if path.is_symlink() and not _is_inside(root, path))


def check_inside(root: Path, path: Path) -> None:
    """Raise ``ValueError`` when a path in a bundle leads, through a link, to something outside its folder."""
    if not _is_inside(root, path):
        place = path.relative_to(root).as_posix()
        raise ValueError(
            f"'{place}' of bundle '{root}' links to something outside its folder: put the file itself there"
        )


def check_weights_inside(weights: Path) -> None:
    """:func:`check_inside` for a file of weights, if it lies in a bundle."""
    root = weights.absolute().parent.parent
    if (root / "configs").is_dir():
        check_inside(root, weights.absolute())


def _is_inside(root: Path, path: Path) -> bool:
    return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(root))  # unlike resolve, accepts loops of links


def _shipped() -> dict[str, Path]:
    home = PACKAGE / "bundles"  # where a wheel puts them; an editable install reads the clone's
    if not home.is_dir() and (CLONE / "pyproject.toml").is_file():
        home = CLONE / "bundles"
    return {path.parents[1].name: path.parents[1] for path in home.glob("*/configs/metadata.json")}
