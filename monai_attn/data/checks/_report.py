"""What a check of a data set found."""

import json
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from ..._shown_names import printable

__all__ = ["CaseFacts", "DataReport", "Finding", "is_faulty"]

Level = Literal["error", "warning"]


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
        """One line for each case, with what is wrong below it."""
        rows: list[tuple[str, ...]] = [("case", "shape", "spacing mm", "axes", "channels", "labels", "")]
        by_case: dict[str, list[Finding]] = {}
        for finding in self.findings:
            by_case.setdefault(finding.case, []).append(finding)
        rows += [self._row(facts, by_case.get(facts.case, [])) for facts in self.cases]
        widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
        lines = ["  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in rows]
        out = lines[:1]
        for facts, line in zip(self.cases, lines[1:], strict=True):
            out += [line, *(f"    {_marked(finding)}" for finding in by_case.pop(facts.case, []))]
        out += [_marked(finding) for findings in by_case.values() for finding in findings]  # of the whole data set
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
            "x".join(f"{size:.3g}" for size in facts.spacing_mm) or "-",
            facts.orientation or "-",
            str(facts.channels or "-"),
            ",".join(map(str, sorted(facts.label_voxels))) or "-",
            worst,
        )


def _marked(finding: Finding) -> str:
    return f"{'ERROR' if finding.level == 'error' else 'warning'}: {finding.text}"
