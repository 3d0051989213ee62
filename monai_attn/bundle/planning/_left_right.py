"""Which classes are the left and the right of one organ, and whether images may be flipped."""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import NamedTuple

from ...data import Fingerprint

__all__ = ["Sides", "find_sides"]

# Words that say a side whatever else a name says: English, German, French, Spanish, Portuguese, Italian, Latin, Dutch,
# Scandinavian, Finnish, Polish, Czech, Russian, Turkish, Hungarian, Chinese, Japanese, Korean; without accents.
WORDS = (
    *(("left", "right"), ("links", "rechts"), ("linke", "rechte"), ("linker", "rechter"), ("linkes", "rechtes")),
    *(("gauche", "droite"), ("gauche", "droit"), ("izquierdo", "derecho"), ("izquierda", "derecha"), ("izq", "der")),
    *(("esquerdo", "direito"), ("esquerda", "direita"), ("esq", "dir"), ("sinistro", "destro"), ("sinistra", "destra")),
    *(("sinister", "dexter"), ("sinistra", "dextra"), ("sinistrum", "dextrum")),
    *(("vanster", "hoger"), ("vanstra", "hogra"), ("venstre", "hoyre"), ("venstre", "hojre"), ("vasen", "oikea")),
    *((f"lew{end}", f"praw{end}") for end in "yae"),
    *((f"lev{end}", f"prav{end}") for end in "yae"),
    *((f"лев{end}", f"прав{end}") for end in ("ыи", "ая", "ое", "ые", "")),  # noqa: RUF001
    *(("sol", "sag"), ("bal", "jobb"), ("hidari", "migi"), ("左", "右"), ("왼쪽", "오른쪽"), ("좌", "우")),
)
SHORT = (("l", "r"), ("lt", "rt"), ("lh", "rh"), ("lft", "rgt"), ("li", "re"), ("sx", "dx"), ("sin", "dx"))
LONELY = {"l", "r", "lt", "rt", "lh", "rh", "lft", "rgt", "sx", "dx"}  # of these, what says a side on its own
AMBIGUOUS = {"li", "re", "sin", "sol", "sag", "bal", "der", "dir"}  # also other words, or letters that count
PLAIN = {"bright", "upright", "outright", "copyright", "cleft", "adroit"}  # words that end like a side
LETTERS = ({"l", "r"}, {"a", "b"}, {"g", "d"}, {"s", "d"}, {"i", "d"}, {"e", "d"})  # of names that differ in one alone
GLUED = 4  # letters from which on a word is seen inside another, as in "leftlung"


class Sides(NamedTuple):
    """What is known of left and right.

    Attributes:
        pairs: label values that change places under a flip.
        flips: axes along which images may be flipped.
        reason: why, in one sentence.
    """

    pairs: list[list[int]]
    flips: list[int]
    reason: str


def find_sides(fingerprint: Fingerprint) -> Sides:
    """Pair what can be paired for certain; where a side may be hidden, there are no flips from left to right."""
    names, given = fingerprint.class_names, fingerprint.left_right_pairs
    pairs = _pairs(names) if given is None else [sorted(pair) for pair in given]
    doubt = _doubt(fingerprint, pairs) if given is None else ""
    if doubt:
        return Sides(pairs, [], f"There are no flips, because {doubt}: pass --left_right_pairs {_example(names)}.")
    if fingerprint.spatial_dims == 2 and pairs:
        return Sides(pairs, [], "There are no flips, because nothing says which axis goes from left to right.")
    if pairs:
        whose = "whose names differ in left and right" if given is None else "as given"
        return Sides(pairs, [0], f"Flips left to right exchange the classes {pairs}, {whose}.")
    axes = [0] if fingerprint.spatial_dims == 3 else [0, 1]
    return Sides([], axes, f"Random flips along axis {' and '.join(map(str, axes))}.")


def _example(names: Sequence[str]) -> str:
    pair = "[[1,2]]" if len(names) > 1 else "[]"
    return f'"{pair}", with the classes that are left and right of one organ, or "[]" if there are none'


def _pairs(names: Sequence[str]) -> list[list[int]]:
    """Names that differ in one word for a side alone, each in one pair."""
    plain, found = [_plain(name) for name in names], []
    for one, name in enumerate(plain):
        twins = {plain.index(twin) for twin in _twins(name) if twin != name and plain.count(twin) == 1}
        if len(twins) == 1 and plain.count(name) == 1:
            found.append(sorted([one + 1, twins.pop() + 1]))
    counted = [value for pair in found for value in pair]
    return [pair for pair in found if all(counted.count(value) == 1 for value in pair)]


def _twins(name: str) -> Iterator[str]:
    """What the other side of a left one may be called."""
    words = re.split(r"([_\d]+)", name)
    for left, right in (*WORDS, *SHORT):
        if left in words:
            yield "".join(right if word == left else word for word in words)
        if (len(left) >= GLUED or not left.isascii()) and name.count(left) == 1:
            yield name.replace(left, right)


def _doubt(fingerprint: Fingerprint, pairs: Sequence[Sequence[int]]) -> str:
    """What may be a side and is not in a pair; empty where nothing is."""
    names, paired = fingerprint.class_names, {value for pair in pairs for value in pair}
    if not fingerprint.named and len(names) > 1:
        return "the classes have no names and might be left and right"
    alone = [name for value, name in enumerate(names, start=1) if value not in paired]
    for name in alone:
        if _says_side(name):
            return f"the class '{name}' has a side and no counterpart"
    for one, other in combinations(alone, 2):
        if _might_be_sides(_plain(one), _plain(other)):
            return f"the classes '{one}' and '{other}' might be left and right"
    for first, second in fingerprint.mirrored:
        if not {first, second} & paired:
            return f"the classes '{names[first - 1]}' and '{names[second - 1]}' lie like left and right in the images"
    return ""


def _says_side(name: str) -> bool:
    plain = _plain(name)
    words = set(re.split(r"_+", plain)) - AMBIGUOUS
    sides = {word for pair in WORDS for word in pair} | LONELY
    glued = {side for side in sides if len(side) > GLUED or side == "left" or not side.isascii()}
    rest = words - PLAIN
    return bool(words & sides) or any(word.startswith(side) or word.endswith(side) for word in rest for side in glued)


def _might_be_sides(one: str, other: str) -> bool:
    """Whether two names differ in a letter or a number alone: ``llung`` and ``rlung``, ``rib_1`` and ``rib_2``."""
    differ = [{a, b} for a, b in zip(one, other, strict=False) if a != b] if len(one) == len(other) else []
    if len(differ) == 1 and (differ[0] in LETTERS or all(letter.isdigit() for letter in differ[0])):
        return True
    stems = [re.sub(r"(?:^|_)(?:[a-z]|\d+)(?:_|$)|\d+$", "_", name).strip("_") for name in (one, other)]
    return stems[0] == stems[1] != ""


def _plain(name: str) -> str:
    """In lower case, without accents, with one underscore between words."""
    bare = "".join(c for c in unicodedata.normalize("NFKD", name.casefold()) if not unicodedata.combining(c))
    return re.sub(r"[\W_]+", "_", unicodedata.normalize("NFC", bare).replace("ø", "o")).strip("_")
