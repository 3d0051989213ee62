"""From a folder of NIfTI files to checked and split cases."""

from .cases import case_name, find_cases
from .check import check_cases
from .outputs import InputGridWriter, InputNameLayout
from .split import read_folds, split_cases, validation_cases

__all__ = [
    "InputGridWriter",
    "InputNameLayout",
    "case_name",
    "check_cases",
    "find_cases",
    "read_folds",
    "split_cases",
    "validation_cases",
]
