"""What is wrong with a file, a case, a data set or a split, and the report of it."""

from ._cache import digest_cases
from ._cases import check_cases, image_problem, why_empty
from ._dataset import check, check_training_cases
from ._report import CaseFacts, DataReport, Finding

__all__ = [
    "CaseFacts",
    "DataReport",
    "Finding",
    "check",
    "check_cases",
    "check_training_cases",
    "digest_cases",
    "image_problem",
    "why_empty",
]
