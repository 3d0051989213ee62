"""A data set of images to segment, of which one bad case does not spoil the others."""

import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

from monai.data import Dataset, list_data_collate
from torch import nn

from .._paths import path_argument
from ..errors import is_out_of_memory, root_cause
from ..networks import NetworkShape, network_shape
from ._cases import LABEL_FOLDERS, case_name, image_files, named_case
from ._datalist import listed_files
from .checks import image_problem, why_empty
from .files import InputNameLayout, is_finished

__all__ = ["CaseDataset", "PartialBatch", "SetAside", "collate_cases", "fault_text"]

MEMORY = "lower `sw_batch_size` and `num_workers`, set `device` to cpu, or crop the image or make it coarser"

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class SetAside:
    """What stands for a case that does not go through the network.

    Attributes:
        case: its name.
        image: its image file, the first of several.
        fault: what is wrong with it, and the cure; empty where its result is there already.
    """

    case: str
    image: str
    fault: str = ""


@dataclass
class PartialBatch:
    """A batch without the cases that were set aside; ``batch`` is ``None`` where none is left."""

    batch: Any
    aside: list[SetAside]


class CaseDataset(Dataset):
    """Data set of images to segment, which checks each when its turn comes and gives :class:`SetAside` for a bad one.

    For ``num_workers`` above 0, too. :func:`collate_cases` must make the batches, and
    :class:`monai_attn.engines.CaseEvaluator` take them. Only headers are read here; what the voxels show, the reader
    raises when the transforms load them, so that each image is read once.

    Args:
        data: cases as :func:`find_cases` returns them; one without a name under ``case`` gets its file's.
        transform: as of ``monai.data.Dataset``.
        network: the network that the images are for: it says how many axes and channels they must have.
        dataset_dir: where the cases were looked for, named where there are none.
        layout: what the results are called.
        skip_existing: whether to set aside the cases whose result is there and whole; needs ``layout``.
    """

    def __init__(
        self,
        data: Sequence[Mapping[str, Any]],
        transform: Any,
        network: nn.Module | NetworkShape,
        dataset_dir: str | PathLike[str] = ".",
        layout: InputNameLayout | None = None,
        skip_existing: bool = False,
    ) -> None:
        super().__init__([named_case(case) for case in data], transform)
        self.shape = network_shape(network)
        self.dataset_dir, self.layout, self.skip_existing = dataset_dir, layout, skip_existing
        self.first_with: dict[str, int] = {}
        for index, case in enumerate(self.data):
            self.first_with.setdefault(image_files(case)[0], index)

    def prepare(self) -> None:
        """See that there is a case at all, and that the results go elsewhere; the engine calls this before it starts.

        Raises:
            FileNotFoundError: when there is no case.
            ValueError: when the folder of the results holds images or labels.
        """
        if not self.data:
            raise FileNotFoundError(why_empty(self.dataset_dir, labelled=False))
        if self.layout is not None and self.layout.output_dir.resolve() in self._data_folders():
            raise ValueError(
                f"output_dir='{self.layout.output_dir}' holds images or labels, which results would replace: "
                "set another `output_dir`"
            )

    def _data_folders(self) -> set[Path]:
        """Folders of the images, and those of the data set and beside the images that hold labels, asked for or not."""
        root = path_argument("dataset_dir", self.dataset_dir)
        files = [file for case in self.data for file in [*image_files(case), case.get("label")] if file]
        folders = {Path(file).resolve().parent for file in [*files, *listed_files(root)]}
        labels = {root.resolve() / name for name in LABEL_FOLDERS.values()}
        labels |= {folder.parent / LABEL_FOLDERS[folder.name] for folder in folders if folder.name in LABEL_FOLDERS}
        return folders | {folder for folder in labels if any(case_name(f) != f.name for f in folder.glob("*"))}

    def _transform(self, index: int) -> Any:
        case = dict(self.data[index])
        image = image_files(case)[0]
        try:
            if self.layout is not None and self.skip_existing and is_finished(self.layout.target(image), image):
                return SetAside(case["case"], image)
            fault = self._listed_twice(index, image)
            fault = fault or image_problem(case, self.shape.in_channels, self.shape.spatial_dims, stacks=True)
            if fault is None:
                return self.transform(case)
        except Exception as error:  # whatever a transform makes of a file that passed
            fault = fault_text(error, image)
        return SetAside(case["case"], image, fault)

    def _listed_twice(self, index: int, image: str) -> str | None:
        """Results are found by the image's file, so that two cases with one would be one."""
        first = self.first_with.get(image, index)
        if first == index:
            return None
        return f"'{image}' is also the (first) image of case '{self.data[first]['case']}': list it once"


def collate_cases(items: Sequence[Any]) -> Any:
    """``monai.data.list_data_collate`` for items of :class:`CaseDataset`.

    Returns:
        the batch, or :class:`PartialBatch` where cases of it were set aside.
    """
    aside = [item for item in items if isinstance(item, SetAside)]
    if not aside:
        return list_data_collate(items)
    rest = [item for item in items if not isinstance(item, SetAside)]
    return PartialBatch(list_data_collate(rest) if rest else None, aside)


def fault_text(error: BaseException, image: str) -> str:
    """What an exception says of a case, in one line that names its file.

    With the environment variable ``MONAI_ATTN_DEBUG`` set, its traceback goes to the log.

    Args:
        error: the exception.
        image: the case's image file.
    """
    if os.environ.get("MONAI_ATTN_DEBUG"):
        logger.error("image '%s'", image, exc_info=error)
    cause = root_cause(error)
    text = " ".join(str(cause).split()) or type(cause).__name__
    if is_out_of_memory(cause):
        return f"image '{image}' takes too much memory ({text.split('. ')[0].rstrip('.')}): {MEMORY}"
    if not isinstance(cause, OSError | ValueError):
        text = f"{type(cause).__name__}: {text}"
    if image in text:
        return text
    return f"image '{image}' fails ({text}): fix or remove it; with MONAI_ATTN_DEBUG=1 the log says where"
