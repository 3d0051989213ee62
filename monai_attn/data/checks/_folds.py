"""What must be on both sides of a split, a case; and what must not, the same image or patient."""

from collections.abc import Iterator, Mapping, Sequence

from ..._shown_names import list_names
from ._report import CaseFacts, Finding

__all__ = ["find_empty_sides", "find_split_patients", "find_twins", "find_unscored_folds", "find_untaught_classes"]

Folds = Mapping[str, Sequence[str]]


def find_twins(facts: list[CaseFacts], folds: Folds) -> Iterator[Finding]:
    """Images of the same content under two names: an error on both sides of a fold, a warning otherwise.

    Args:
        facts: of the cases.
        folds: validation cases of each fold.
    """
    seen: dict[str, str] = {}
    told: set[tuple[str, str]] = set()
    for f in facts:
        for content in filter(None, f.contents):
            twin = seen.setdefault(content, f.case)
            if twin == f.case or (twin, f.case) in told:
                continue
            told.add((twin, f.case))
            apart = [fold for fold, held in folds.items() if (twin in held) != (f.case in held)]
            text = f"image '{f.image[0]}' has the same content as case '{twin}'"
            if apart:
                where = f"in training and in validation of fold {apart[0]}"
                yield Finding("error", f.case, f"{text}, {where}: remove one of them, or keep both on one side")
            else:
                yield Finding("warning", f.case, f"{text}: check that it is meant to count twice")


def find_empty_sides(cases: Sequence[str], folds: Folds) -> Iterator[Finding]:
    """Whether there is a fold at all that has cases to train and cases to validate on.

    Args:
        cases: their names.
        folds: validation cases of each fold.
    """
    if not any(0 < len(set(cases) & set(held)) < len(set(cases)) for held in folds.values()):
        text = f"{len(cases)} case(s) leave no fold with some for training and some for validation"
        yield Finding("error", "", f"{text}: add cases, or write a folds.json that has some on both sides")


def find_split_patients(cases: Sequence[str], folds: Folds, patients: Mapping[str, str]) -> Iterator[Finding]:
    """Patients with cases on both sides of a fold.

    Args:
        cases: their names.
        folds: validation cases of each fold.
        patients: patient by case.
    """
    for fold, held in folds.items():
        inside = {patients[case] for case in cases if case in held}
        outside = {patients[case] for case in cases if case not in held}
        for patient in sorted(inside & outside):
            some = list_names([case for case in cases if patients[case] == patient])
            text = f"patient '{patient}' is in training and in validation of fold {fold} (cases {some})"
            yield Finding("error", "", f"{text}: write folds that keep the cases of a patient together")


def find_unscored_folds(facts: Sequence[CaseFacts], folds: Folds) -> Iterator[Finding]:
    """Folds in which no validation case has any foreground, so that no epoch is better than another.

    Args:
        facts: of the cases.
        folds: validation cases of each fold.
    """
    for fold, names in folds.items():
        held = [f for f in facts if f.case in names and f.label_voxels]
        if held and not any(set(f.label_voxels) - {0} for f in held):
            text = f"no label of the {len(held)} validation case(s) of fold {fold} has foreground to score by"
            yield Finding("error", "", f"{text}: pass another `fold`, or write folds with foreground on both sides")


def find_untaught_classes(facts: Sequence[CaseFacts], folds: Folds, num_classes: int) -> Iterator[Finding]:
    """Classes that no training case of a fold has, so that the network never sees them.

    Args:
        facts: of the cases.
        folds: validation cases of each fold.
        num_classes: with background.
    """
    for fold, names in folds.items():
        seen = {value for f in facts if f.case not in names for value in f.label_voxels}
        missing = [value for value in range(1, num_classes) if value not in seen]
        if seen and missing:
            text = (
                f"no training case of fold {fold} has class {', '.join(map(str, missing[:5]))}, which cannot be learnt"
            )
            yield Finding("warning", "", f"{text}: pass another `fold`, or write folds with it on both sides")
