"""From a folder of image files to checked and split cases."""

from .cache import digest_cases
from .cases import LABEL_FOLDERS, case_name, find_cases, find_channel_names, image_files
from .check import check_cases
from .fingerprint import Fingerprint, measure
from .outputs import InputGridWriter, InputNameLayout
from .patients import find_patients
from .readers import VolumeReader
from .report import CaseFacts, DataReport, Finding
from .split import known_folds, read_folds, split_cases, validation_cases
from .survey import check, check_training_cases
from .transforms import KeepLargestInSlicesd, NormalizeSlicesd, RandFlipSwapd, SqueezeSliced, TrustImageHeaderd

__all__ = [
    "LABEL_FOLDERS",
    "CaseFacts",
    "DataReport",
    "Finding",
    "Fingerprint",
    "InputGridWriter",
    "InputNameLayout",
    "KeepLargestInSlicesd",
    "NormalizeSlicesd",
    "RandFlipSwapd",
    "SqueezeSliced",
    "TrustImageHeaderd",
    "VolumeReader",
    "case_name",
    "check",
    "check_cases",
    "check_training_cases",
    "digest_cases",
    "find_cases",
    "find_channel_names",
    "find_patients",
    "image_files",
    "known_folds",
    "measure",
    "read_folds",
    "split_cases",
    "validation_cases",
]
