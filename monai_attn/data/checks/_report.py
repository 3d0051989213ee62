"""What a check of a data set found."""

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from ..._shown_names import list_names, printable

__all__ = ["CaseFacts", "DataReport", "Finding", "describe_group", "group_findings", "is_faulty"]

Level = Literal["error", "warning"]

SHOWN = 8  # label values
FEW = 3  # findings of one kind that are shown case by case
NAMES = re.compile(r"'[^']*'(, '[^']*')*")
NUMBERS = re.compile(r"\d[\d.]*(e[+-]\d+)?")


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong.

    Attributes:
        level: "error" stops a training, "warning" does not.
        case: the case, or "" for the data set.
        text: what is wrong with which file, and the cure.
    """

    level: Level
    case: str
    text: str


def is_faulty(findings: list[Finding]) -> bool:
    """Whether there is an error among them."""
    return any(finding.level == "error" for finding in findings)


def group_findings(findings: Sequence[Finding]) -> list[list[Finding]]:
    """Findings of one kind together, in the order of the first of each kind.

    Of one kind are those of single cases whose texts differ in names and numbers alone, and those of the data set whose
    texts differ in names alone, since its numbers say which class or fold is meant.
    """
    groups: dict[tuple[str, bool, str], list[Finding]] = {}
    for finding in findings:
        text = NAMES.sub("''", finding.text)
        kind = NUMBERS.sub("0", text) if finding.case else text
        groups.setdefault((finding.level, bool(finding.case), kind), []).append(finding)
    return list(groups.values())


def describe_group(group: Sequence[Finding]) -> str:
    """One line for findings of one kind: how many, some cases, and the first one's text."""
    first = group[0]
    if len(group) == 1:
        return first.text
    if not first.case:
        return f"{first.text} (and {len(group) - 1} more of this kind)"
    return f"in {len(group)} cases, e.g. {list_names([finding.case for finding in group])}: {first.text}"


@dataclass
class CaseFacts:
    """What was measured of one case.

    Attributes:
        case: its name.
        image: paths, by channel.
        label: path, or ``None``.
        shape: spatial shape in voxels.
        channels: image channels.
        spacing_mm: voxel size along each spatial axis.
        orientation: directions in which the axes grow, such as "RAS".
        dtype: type of the stored values.
        unit: of the lengths in the first image's header, which are in mm here.
        percentiles: 0.5th, 50th and 99.5th percentile of each channel.
        zeros: share of the voxels of the first channel that are exactly 0.
        foreground: mean, standard deviation, 0.5th and 99.5th percentile of the first channel where the label is not 0;
            empty where there is no foreground.
        label_voxels: number of voxels by label value.
        thickness_mm: of each label value but 0, six times its volume over its surface: the diameter of a ball.
        centroids: of each label value but 0, as shares of the image's size along the stored axes.
        digests: of the files' bytes, images first.
        contents: digest of each channel's values, however they are stored; empty for a constant channel.
        doubts: what the headers leave open, in words to put behind the name of the file of that index in ``files``.
    """

    case: str
    image: list[str]
    label: str | None = None
    shape: tuple[int, ...] = ()
    channels: int = 0
    spacing_mm: tuple[float, ...] = ()
    orientation: str = ""
    dtype: str = ""
    unit: str = "mm"
    percentiles: list[tuple[float, float, float]] = field(default_factory=list)
    zeros: float = 0.0
    foreground: tuple[float, ...] = ()
    label_voxels: dict[int, int] = field(default_factory=dict)
    thickness_mm: dict[int, float] = field(default_factory=dict)
    centroids: dict[int, tuple[float, ...]] = field(default_factory=dict)
    digests: list[str] = field(default_factory=list)
    contents: list[str] = field(default_factory=list)
    doubts: dict[str, int] = field(default_factory=dict)

    @property
    def files(self) -> list[str]:
        """Paths of the images, by channel, and of the label behind them."""
        return [*self.image, *([self.label] if self.label else [])]


@dataclass
class DataReport:
    """Result of :func:`monai_attn.data.check`.

    Attributes:
        dataset_dir: what was checked.
        cases: facts of each case, as far as it could be read.
        findings: errors and warnings; those of the data set first, then by case.
        notes: what could not be checked, and why.
    """

    dataset_dir: str
    cases: list[CaseFacts]
    findings: list[Finding]
    notes: list[str] = field(default_factory=list)

    @property
    def errors(self) -> list[Finding]:
        """Findings that stop a training."""
        return [finding for finding in self.findings if finding.level == "error"]

    @property
    def status(self) -> int:
        """Exit status: 0 all fine, 1 warnings, 2 errors."""
        return 2 if self.errors else int(bool(self.findings))

    def table(self) -> str:
        """One line for each case, with what is wrong below it; what many have in common stands at the end, once."""
        rows: list[tuple[str, ...]] = [("case", "shape", "spacing mm", "axes", "channels", "labels", "")]
        by_case: dict[str, list[Finding]] = {}
        for finding in self.findings:
            by_case.setdefault(finding.case, []).append(finding)
        rows += [self._row(facts, by_case.get(facts.case, [])) for facts in self.cases]
        groups = group_findings(self.findings)
        names = {facts.case for facts in self.cases}
        common = [group for group in groups if len(group) > FEW or not names.issuperset(f.case for f in group)]
        shared = {finding for group in common for finding in group}
        widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
        lines = ["  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in rows]
        out = lines[:1]
        for facts, line in zip(self.cases, lines[1:], strict=True):
            below = by_case.pop(facts.case, [])
            out += [line, *(f"    {_marked([finding])}" for finding in below if finding not in shared)]
        out += map(_marked, common)
        out += [f"note: {note}" for note in self.notes]
        errors = len(self.errors)
        out.append(f"{len(self.cases)} case(s), {errors} error(s), {len(self.findings) - errors} warning(s)")
        return printable("\n".join(out))

    def to_json(self) -> str:
        """All of it for machines."""
        content: dict[str, Any] = {"status": self.status, **asdict(self)}
        return printable(json.dumps(content, indent=2, ensure_ascii=False))

    @staticmethod
    def _row(facts: CaseFacts, findings: list[Finding]) -> tuple[str, ...]:
        worst = "ok"
        if findings:
            worst = "ERROR" if is_faulty(findings) else "warning"
        return (
            facts.case,
            "x".join(map(str, facts.shape)) or "-",
            "x".join(f"{size:.4g}" for size in facts.spacing_mm) or "-",
            facts.orientation or "-",
            str(facts.channels or "-"),
            _shorten(sorted(facts.label_voxels)) or "-",
            worst,
        )


def _shorten(values: Sequence[int]) -> str:
    shown = [*values[:SHOWN], "...", values[-1]] if len(values) > SHOWN + 2 else values
    return ",".join(map(str, shown))


def _marked(group: Sequence[Finding]) -> str:
    return f"{'ERROR' if group[0].level == 'error' else 'warning'}: {describe_group(group)}"
