"""From a folder of image files to checked and split cases."""

from .._atomic_files import OutputError, remove_leftovers
from ._case_dataset import CaseDataset, PartialBatch, SetAside, collate_cases, fault_text
from ._case_names import EnsureCased
from ._cases import LABEL_FOLDERS, case_name, find_cases, find_channel_names, image_files
from ._checked_dataset import CheckedDataset, prepare_training
from ._fingerprint import Fingerprint, measure
from ._patients import find_patients
from ._split import known_folds, read_folds, split_cases, validation_cases
from ._transforms import KeepLargestInSlicesd, NormalizeSlicesd, RandFlipSwapd, SqueezeSliced, TrustImageHeaderd
from .checks import CaseFacts, DataReport, Finding, check, check_cases, check_training_cases, digest_cases
from .files import InputGridWriter, InputNameLayout, SaveWholed, VolumeReader, is_finished, label_dtype

__all__ = [
    "LABEL_FOLDERS",
    "CaseDataset",
    "CaseFacts",
    "CheckedDataset",
    "DataReport",
    "EnsureCased",
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
    "prepare_training",
    "read_folds",
    "remove_leftovers",
    "split_cases",
    "validation_cases",
]
