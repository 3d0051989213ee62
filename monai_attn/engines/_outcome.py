"""What became of each case of a run."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from ..data import SetAside

__all__ = ["CasesFailed", "Outcome"]

NAMED = 5  # cases in one line


class CasesFailed(RuntimeError):  # noqa: N818 - the cases did; the run went to its end
    """Some cases of a run failed, all others are done.

    Attributes:
        failures: those cases, each with the reason, which a traceback shows as notes.
    """

    def __init__(self, text: str, failures: Sequence[SetAside]) -> None:
        super().__init__(text)
        self.failures = list(failures)
        for line in self.lines:
            self.add_note(line)

    @property
    def lines(self) -> list[str]:
        """One line for each of these cases, with its reason and what to do."""
        return [f"case '{one.case}' failed: {one.fault}" for one in self.failures]


@dataclass
class Outcome:
    """Counts of a run over many cases.

    Attributes:
        results: what is written, in the plural, such as "label maps".
        output_dir: where.
        written: number of cases that were done.
        skipped: those whose results were there already.
        failures: those that failed.
    """

    results: str
    output_dir: str
    written: int = 0
    skipped: list[SetAside] = field(default_factory=list)
    failures: list[SetAside] = field(default_factory=list)

    def add(self, aside: SetAside) -> None:
        """Count a case that was set aside."""
        (self.failures if aside.fault else self.skipped).append(aside)

    def summary(self) -> str:
        """One line for a run without failures."""
        every = "" if self.written else "all "
        there = f"; {every}{len(self.skipped)} skipped, there already" if self.skipped else ""
        return f"{self.results} written: {self.written} to {self.output_dir}{there}"

    def check(self) -> None:
        """Raise :class:`CasesFailed` if there are failures."""
        if not self.failures:
            return
        first, *others = self.failures
        done = self.written + len(self.skipped)
        if not done and not others:
            raise CasesFailed(first.fault, self.failures)
        count = f"{len(self.failures)} of {len(self.failures) + done} cases" if done else f"all {1 + len(others)} cases"
        more = ", ".join(f"'{one.case}'" for one in others[: NAMED - 1])
        if len(others) >= NAMED:
            more += f" and {len(others) - NAMED + 1} more"
        also = f", {more} (their reasons above)" if others else ""
        there = f" ({len(self.skipped)} there already)" if self.skipped else ""
        rest = "nothing was written"
        if done:
            rest = f"{self.results} of the other {done} are in '{self.output_dir}'{there}"
        raise CasesFailed(f"{count} failed: '{first.case}' ({first.fault}){also}; {rest}", self.failures)
