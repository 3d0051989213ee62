"""One thing that is wrong with a bundle."""

from dataclasses import dataclass

__all__ = ["LintFinding", "shown"]


@dataclass(frozen=True)
class LintFinding:
    """One thing that is wrong with a bundle; as text, one line.

    Attributes:
        file: path in the bundle, with ``/``.
        key: place in the file, such as ``train::dataset::data``; empty for the file as a whole.
        text: what is wrong.
        cure: what to do about it.
    """

    file: str
    key: str
    text: str
    cure: str

    def __str__(self) -> str:
        place = f"{self.file}: {self.key}" if self.key else self.file
        return shown(f"{place}: {self.text}: {self.cure}", limit=1000)


def shown(text: str, limit: int = 80) -> str:
    """Text from a bundle as part of a line: a stranger's control characters could rewrite the terminal."""
    line = "".join(char if char.isprintable() else " " for char in text)
    line = " ".join(line.split())
    return line if len(line) <= limit else f"{line[: limit - 3]}..."
