"""What is wrong with a file, a case, a data set or a split, and the report of it."""

from ._cache import case_stamp, digest_cases
from ._cases import image_problem, require_cases, why_empty
from ._dataset import check, require_training_cases
from ._report import CaseFacts, DataReport, Finding

__all__ = [
    "CaseFacts",
    "DataReport",
    "Finding",
    "case_stamp",
    "check",
    "digest_cases",
    "image_problem",
    "require_cases",
    "require_training_cases",
    "why_empty",
]
