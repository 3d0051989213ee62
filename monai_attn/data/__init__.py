"""From a folder of image files to checked and split cases."""

from .._atomic_files import OutputError, remove_leftovers
from ._case_dataset import CaseDataset, PartialBatch, SetAside, collate_cases, fault_text
from ._cases import LABEL_FOLDERS, case_name, find_cases, find_channel_names, image_files
from ._checked_dataset import CheckedDataset, prepare_training
from ._compare import CompareImaged, CompareVolumesd
from ._ensure_case import EnsureCased
from ._fingerprint import Fingerprint, measure
from ._patients import find_patients
from ._split import known_folds, read_folds, split_cases, validation_cases
from ._training_ranges import TrainingRanges, image_digest, measure_ranges
from ._transforms import KeepLargestInSlicesd, NormalizeSlicesd, RandFlipSwapd, SqueezeSliced, TrustImageHeaderd
from .checks import CaseFacts, DataReport, Finding, check, digest_cases, require_cases, require_training_cases
from .files import AtomicSaveImaged, InputGridWriter, InputNameLayout, VolumeReader, is_finished, label_dtype

__all__ = [
    "LABEL_FOLDERS",
    "AtomicSaveImaged",
    "CaseDataset",
    "CaseFacts",
    "CheckedDataset",
    "CompareImaged",
    "CompareVolumesd",
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
    "SetAside",
    "SqueezeSliced",
    "TrainingRanges",
    "TrustImageHeaderd",
    "VolumeReader",
    "case_name",
    "check",
    "collate_cases",
    "digest_cases",
    "fault_text",
    "find_cases",
    "find_channel_names",
    "find_patients",
    "image_digest",
    "image_files",
    "is_finished",
    "known_folds",
    "label_dtype",
    "measure",
    "measure_ranges",
    "prepare_training",
    "read_folds",
    "remove_leftovers",
    "require_cases",
    "require_training_cases",
    "split_cases",
    "validation_cases",
]
