"""Draw image, labels and attention coefficients side by side."""

from collections.abc import Mapping, Sequence
from os import PathLike
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["AttentionPanel", "attention_figure"]

LABEL_COLOURS = ("tab:red", "tab:cyan", "tab:orange", "tab:purple", "tab:green")


class AttentionPanel(NamedTuple):
    """One row of the figure.

    Attributes:
        title: heading of the row.
        image: intensities, shape (H, W, D), axes in RAS order.
        labels: label of each voxel, same shape.
        coefficients: attention coefficients in [0, 1], same shape.
        spacing_mm: voxel size in mm.
    """

    title: str
    image: NDArray[np.floating]
    labels: NDArray[np.integer]
    coefficients: NDArray[np.floating]
    spacing_mm: tuple[float, float, float] = (1.0, 1.0, 1.0)


def attention_figure(
    panels: Sequence[AttentionPanel], class_names: Mapping[int, str], path: str | PathLike[str], caption: str = ""
) -> None:
    """Draw one row per panel: the sagittal slice with most labels, the same with the labels, and the coefficients.

    Args:
        panels: the rows.
        class_names: name of each label value except the background.
        path: picture file; its suffix sets the format.
        caption: line below the picture.

    Raises:
        ModuleNotFoundError: when matplotlib, which the extra ``demo`` installs, is missing.
    """
    from matplotlib.colors import ListedColormap  # an extra, and slow to import
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

    figure = Figure(figsize=(11, 3.0 * len(panels) + 0.4), layout="constrained")
    rows = figure.subplots(len(panels), 3, squeeze=False)
    colours = LABEL_COLOURS[: len(class_names)]
    for axes, panel in zip(rows, panels, strict=True):
        slice_ = _middle_slice(panel.labels)
        image, labels, coefficients = (a[slice_].T for a in (panel.image, panel.labels, panel.coefficients))
        view = {"origin": "lower", "aspect": panel.spacing_mm[2] / panel.spacing_mm[1], "interpolation": "nearest"}
        for axis in axes:
            axis.set(xticks=[], yticks=[])
            axis.set_xlabel("posterior to anterior", fontsize="small")
        axes[0].imshow(image, cmap="gray", **view)
        axes[0].set_title(f"{panel.title}: image")
        axes[0].set_ylabel("inferior to superior", fontsize="small")
        axes[1].imshow(image, cmap="gray", **view)
        overlay = np.ma.masked_equal(labels, 0)
        axes[1].imshow(overlay, cmap=ListedColormap(colours), vmin=1, vmax=max(len(colours), 2), alpha=0.55, **view)
        axes[1].set_title("labels")
        patches = [Patch(color=c, label=name) for c, name in zip(colours, class_names.values(), strict=True)]
        axes[1].legend(handles=patches, loc="lower left", fontsize="small")
        shown = axes[2].imshow(coefficients, cmap="viridis", vmin=0, vmax=1, **view)
        axes[2].set_title("attention coefficients, finest gate")
        figure.colorbar(shown, ax=axes[2], shrink=0.9)
    if caption:
        figure.supxlabel(caption, fontsize="small")
    figure.savefig(path, dpi=130)


def _middle_slice(labels: NDArray[np.integer]) -> int:
    """Index of the sagittal slice with most labelled voxels; the middle one if there are none."""
    area = np.count_nonzero(labels, axis=(1, 2))
    return int(area.argmax()) if area.any() else labels.shape[0] // 2
