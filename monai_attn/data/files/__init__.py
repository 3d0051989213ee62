"""Image files: one reader for everything, and results that look like their inputs."""

from ._names import InputNameLayout
from ._reader import VolumeReader
from ._volumes import Volume, is_nifti, open_volume
from ._writer import AtomicSaveImaged, InputGridWriter, is_finished, label_dtype

__all__ = [
    "AtomicSaveImaged",
    "InputGridWriter",
    "InputNameLayout",
    "Volume",
    "VolumeReader",
    "is_finished",
    "is_nifti",
    "label_dtype",
    "open_volume",
]
