"""From a folder of image files to checked and split cases."""

from ..whole_files import OutputError, remove_leftovers
from .cache import digest_cases
from .case_dataset import CaseDataset, PartialBatch, SetAside, collate_cases, fault_text
from .cases import LABEL_FOLDERS, case_name, find_cases, find_channel_names, image_files
from .check import check_cases
from .fingerprint import Fingerprint, measure
from .naming import InputNameLayout
from .outputs import InputGridWriter, SaveWholed, is_finished, label_dtype
from .patients import find_patients
from .readers import VolumeReader
from .report import CaseFacts, DataReport, Finding
from .split import known_folds, read_folds, split_cases, validation_cases
from .survey import check, check_training_cases
from .transforms import KeepLargestInSlicesd, NormalizeSlicesd, RandFlipSwapd, SqueezeSliced, TrustImageHeaderd

__all__ = [
    "LABEL_FOLDERS",
    "CaseDataset",
    "CaseFacts",
    "DataReport",
    "Finding",
    "Fingerprint",
    "InputGridWriter",
    "InputNameLayout",
    "KeepLargestInSlicesd",
    "NormalizeSlicesd",
    "OutputError",
    "PartialBatch",
    "RandFlipSwapd",
    "SaveWholed",
    "SetAside",
    "SqueezeSliced",
    "TrustImageHeaderd",
    "VolumeReader",
    "case_name",
    "check",
    "check_cases",
    "check_training_cases",
    "collate_cases",
    "digest_cases",
    "fault_text",
    "find_cases",
    "find_channel_names",
    "find_patients",
    "image_files",
    "is_finished",
    "known_folds",
    "label_dtype",
    "measure",
    "read_folds",
    "remove_leftovers",
    "split_cases",
    "validation_cases",
]
