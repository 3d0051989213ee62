"""A data set for training and evaluation that checks its cases before it hands out the first one."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from os import PathLike
from typing import Any

from monai.data import CacheDataset
from monai.transforms import ScaleIntensityRanged, Spacingd
from torch import nn
from torch.utils.data import get_worker_info

from ..errors import explain, root_cause
from ..networks import NetworkShape, network_shape
from ..networks._shape import explain_out_channels
from ._cases import named_case
from ._spatial_agreement import require_spatial_agreement
from .checks import CaseFacts, case_stamp, require_cases, require_training_cases

__all__ = ["CheckedDataset", "prepare_training"]


class CheckedDataset(CacheDataset):
    """``monai.data.CacheDataset`` of labelled cases, each checked before the first one is used.

    Nothing is read when it is made, so that a bundle can be opened on a machine without the data. :meth:`prepare`
    checks every file and fills the cache; the engines of this package call it before they start, and the first item
    that is asked for does, too, so that the promise holds in any program. A case that is not in the cache, and whose
    files change while a training runs, is checked again when its turn comes.

    Args:
        data: cases, each with ``image`` and ``label``; one without a name under ``case`` gets its file's.
        transform: as of ``CacheDataset``.
        network: the network that the cases are for: it says how many axes, channels and classes they must have.
        class_names: names of the classes but the background, if they are to be held against the network.
        dataset_dir: where the cases were looked for, named where there are none.
        trust_image_header: let a label of its image's shape pass whatever its affine says.
        stacks: whether a 2D network may be given 3D images, as stacks of slices.
        repeats: how often each case comes in an epoch.
        cache_rate: as of ``CacheDataset``.
        num_workers: threads that fill the cache.
    """

    def __init__(
        self,
        data: Sequence[Mapping[str, Any]],
        transform: Any,
        network: nn.Module | NetworkShape,
        class_names: Sequence[str] | None = None,
        dataset_dir: str | PathLike[str] = ".",
        trust_image_header: bool = False,
        stacks: bool = False,
        repeats: int = 1,
        cache_rate: float = 1.0,
        num_workers: int | None = 2,
    ) -> None:
        self.shape, self._why_classes = network_shape(network), explain_out_channels(network)
        self.class_names = None if class_names is None else list(class_names)
        self.dataset_dir, self.trust_image_header, self.stacks = dataset_dir, trust_image_header, stacks
        self.repeats = repeats
        super().__init__(data, transform, cache_rate=cache_rate, num_workers=num_workers, hash_as_key=repeats > 1)

    def set_data(self, data: Sequence[Mapping[str, Any]]) -> None:
        """Take these cases; :meth:`prepare` will check and cache them."""
        self.cases = [named_case(case) for case in data]
        self.data = self.cases * self.repeats
        self.cache_num, self._cache, self._hash_keys = 0, [], []
        self.facts: list[CaseFacts] = []
        self.stamps: dict[str, list[object]] = {}
        self.is_checked = self.is_prepared = False

    def prepare(self) -> None:
        """Check every case, unless it has been done, and fill the cache.

        Raises:
            FileNotFoundError: when there is no case, or a file is missing.
            ValueError: when a case does not fit the network, its label does not fit its image, or the names of the
                classes do not fit the network.
        """
        if self.is_prepared:
            return
        self._check()
        self.is_prepared = True
        super().set_data(self.data)

    def _check(self) -> None:
        if not self.is_checked:
            self.require_class_names()
            self.note_stamps()
            self.facts = self._require(self.cases)
        self.is_checked = True

    def _require(self, cases: list[dict[str, Any]]) -> list[CaseFacts]:
        shape = self.shape
        return require_cases(
            cases,
            self.dataset_dir,
            shape.in_channels,
            shape.spatial_dims,
            shape.out_channels,
            self.stacks,
            self.trust_image_header,
        )

    def note_stamps(self) -> None:
        """Remember of which state the files are; whoever checks them calls this first."""
        self.stamps = {case["case"]: case_stamp(case) for case in self.cases}

    def require_class_names(self) -> None:
        """Raise ``ValueError`` when there is not one name for each class of the network but the background."""
        names, classes = self.class_names, self.shape.out_channels
        if names is not None and len(names) != classes - 1:
            raise ValueError(
                f"class_names={names} are {len(names)}, but network_def::out_channels={classes}{self._why_classes} "
                f"needs {classes - 1}, one for each class but the background: set both"
            )

    def __getitem__(self, index: int | slice | Sequence[int]) -> Any:
        """Item ``index``, as of ``CacheDataset``."""
        if get_worker_info() is None:
            self.prepare()
        else:  # which would fill a cache that nobody else sees
            self._check()
        return super().__getitem__(index)

    def _transform(self, index: int) -> Any:
        cached = index % len(self) < self.cache_num
        if self.hash_as_key:
            cached = self.hash_func(self.data[index]) in self._hash_keys
        with self._naming(self.data[index], loads=not cached):
            return super()._transform(index)

    def _load_cache_item(self, idx: int) -> Any:
        with self._naming(self.data[idx], loads=True):
            return super()._load_cache_item(idx)

    @contextmanager
    def _naming(self, case: dict[str, Any], loads: bool) -> Iterator[None]:
        """Name the case in what its files or transforms raise; if they are to be loaded, check what has changed."""
        name = case["case"]
        what = f"case '{name}'"
        try:
            stamp = case_stamp(case) if loads else None
            if stamp is not None and self.stamps.get(name, stamp) != stamp:
                what += " has changed since it was checked"
                self._require([case])
                self.stamps[name] = stamp
            yield
        except Exception as error:
            cause = root_cause(error)
            if not isinstance(cause, OSError | ValueError | EOFError) or explain(cause) is not None:
                raise
            kind = next((kind for kind in (FileNotFoundError, OSError) if isinstance(cause, kind)), ValueError)
            raise kind(f"{what}: {cause}") from error


def prepare_training(training: Any, validation: Any, fold: int | str | None = None) -> None:
    """Check both sides of a training together and fill their caches; log the warnings.

    Each file is read once, and what only shows across cases is looked for, such as the same image on both sides.

    Args:
        training: data set of the training cases; any but :class:`CheckedDataset` is left to its owner.
        validation: that of the cases held back.
        fold: name of the fold, for messages.

    Raises:
        FileNotFoundError: as :meth:`CheckedDataset.prepare`.
        ValueError: on the first fault, with the number of the others.
    """
    if not isinstance(training, CheckedDataset) or training.is_prepared:
        return
    for dataset in (training, validation):
        require_spatial_agreement(getattr(dataset, "transform", None))
        if isinstance(dataset, CheckedDataset):
            dataset.note_stamps()
    held_back = validation.cases if isinstance(validation, CheckedDataset) else []
    training.require_class_names()
    facts = require_training_cases(
        [*training.cases, *held_back],
        training.dataset_dir,
        training.shape.in_channels,
        training.shape.spatial_dims,
        training.shape.out_channels,
        {str(fold): [case["case"] for case in held_back]} if held_back else {},
        trust_image_header=training.trust_image_header,
        spacing_mm=_spacing_mm(training.transform),
        is_ct=_expects_air(training.transform),
    )
    training.is_checked, training.facts = True, facts[: len(training.cases)]
    training.prepare()
    if isinstance(validation, CheckedDataset):
        validation.is_checked, validation.facts = True, facts[len(training.cases) :]
        validation.prepare()


def _spacing_mm(transform: Any) -> list[float] | None:
    """The spacing to which a transform brings all axes, if it does; 0 or less would leave an axis as it is."""
    for step in getattr(transform, "transforms", ()):
        if isinstance(step, Spacingd) and all(size > 0 for size in step.spacing_transform.pixdim):
            return [float(size) for size in step.spacing_transform.pixdim]
    return None


def _expects_air(transform: Any) -> bool:
    """Whether a transform scales a fixed range of values that begins below 0, as windows of CT do."""
    steps = getattr(transform, "transforms", ())
    return any(isinstance(step, ScaleIntensityRanged) and step.scaler.a_min < 0 for step in steps)
