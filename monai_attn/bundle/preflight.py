"""The first thing a bundle's ``run`` does: see that all it needs is there, before anything is built or written."""

from os import PathLike
from pathlib import Path

from ..data import check_cases

__all__ = ["preflight"]


def preflight(
    bundle_root: str | PathLike[str],
    dataset_dir: str | PathLike[str],
    cases: list[dict[str, str]],
    in_channels: int,
    spatial_dims: int,
    labelled: bool = False,
    output_dir: str | PathLike[str] | None = None,
) -> None:
    """Check the folders and every case's header.

    This stands in ``run`` and not in ``initialize``, so that ``monai.bundle.load`` and ``check_properties`` work on a
    machine without the data.

    Args:
        bundle_root: folder of the bundle, which has ``configs/metadata.json``.
        dataset_dir: folder of the data set.
        cases: what was found there, see :func:`monai_attn.data.find_cases`.
        in_channels: channels that the network takes.
        spatial_dims: 2 or 3.
        labelled: whether each case needs a label.
        output_dir: where results will go, which must not be where the images are.

    Raises:
        FileNotFoundError: when a folder or a file is missing.
        ValueError: when a file does not fit, or results would replace images.
    """
    root = Path(str(bundle_root))
    if not (root / "configs" / "metadata.json").is_file():
        raise FileNotFoundError(
            f"bundle_root='{root}' (that is '{root.resolve()}') is no bundle: "
            "pass --bundle_root <folder that holds configs/>, or start from inside it"
        )
    check_cases(cases, dataset_dir, in_channels, spatial_dims, labelled)
    if output_dir is not None:
        target = Path(str(output_dir)).resolve()
        if target.exists() and not target.is_dir():
            raise ValueError(f"output_dir='{output_dir}' is a file: pass --output_dir <another folder>")
        if any(Path(case["image"]).resolve().parent == target for case in cases):
            raise ValueError(
                f"output_dir='{output_dir}' holds the images, which the results would replace: use another"
            )
