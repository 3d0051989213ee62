"""A data set of which one bad case does not spoil the others."""

import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from monai.data import Dataset, list_data_collate

from ..errors import root_cause
from ._cases import case_name, image_files
from .checks._cases import image_problem
from .files._names import InputNameLayout
from .files._writer import is_finished

__all__ = ["CaseDataset", "PartialBatch", "SetAside", "collate_cases", "fault_text"]

MEMORY = "lower --sw_batch_size and --num_workers, pass --device cpu, or crop the image or make it coarser"

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
    :class:`monai_attn.engines.CaseEvaluator` take them.

    Args:
        data: cases as :func:`find_cases` returns them.
        transform: as of ``monai.data.Dataset``.
        in_channels: channels that the network takes.
        spatial_dims: 2 or 3.
        stacks: whether a 2D network may be given 3D images, as stacks of slices.
        layout: what the results are called.
        skip_existing: whether to set aside the cases whose result is there and whole; needs ``layout``.
    """

    def __init__(
        self,
        data: Sequence[Any],
        transform: Any,
        in_channels: int,
        spatial_dims: int,
        stacks: bool = False,
        layout: InputNameLayout | None = None,
        skip_existing: bool = False,
    ) -> None:
        super().__init__(data, transform)
        self.kind = (in_channels, spatial_dims, stacks)
        self.layout = layout if skip_existing else None
        self.first_with: dict[str, int] = {}
        for index, case in enumerate(data):
            self.first_with.setdefault(image_files(case)[0], index)

    def _transform(self, index: int) -> Any:
        case = dict(self.data[index])
        image = image_files(case)[0]
        case.setdefault("case", case_name(image))
        try:
            if self.layout is not None and is_finished(self.layout.target(image), image):
                return SetAside(case["case"], image)
            fault = self._listed_twice(index, image) or image_problem(case, *self.kind)
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
        return f"'{image}' is the (first) image of case '{self.data[first]['case']}', too: list it once"


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
    low = text.lower()
    if isinstance(cause, MemoryError | torch.OutOfMemoryError) or "out of memory" in low or "allocate memory" in low:
        return f"image '{image}' takes too much memory ({_first_sentence(text)}): {MEMORY}"
    if not isinstance(cause, OSError | ValueError):
        text = f"{type(cause).__name__}: {text}"
    if image in text:
        return text
    return f"image '{image}' fails ({text}): mend it, or take it out; with MONAI_ATTN_DEBUG=1 the log says where"


def _first_sentence(text: str) -> str:
    return text.split(". ")[0].rstrip(".")
