from pathlib import Path

import pytest

from monai_attn._paths import path_argument


@pytest.mark.parametrize(
    ("typed", "arrived"),
    [
        ("2024", 2024),
        ("scan,2", ("scan", 2)),
        ("[site]", ["site"]),
        ("[a,3]", ["a", 3]),
        ("True", True),
        ("a b", "a b"),
        ("x", Path("x")),
    ],
)
def test_what_monais_command_line_makes_of_a_path_is_undone(typed, arrived):
    assert path_argument("dataset_dir", arrived) == Path(typed)


@pytest.mark.parametrize("arrived", [1.1, None, {"a": 1}, ("a", 1.5)])
def test_what_cannot_be_undone_is_named_with_the_cure(arrived):
    with pytest.raises(ValueError, match=r"output_dir=.* arrived as a \w+, not a path: put \./ before it"):
        path_argument("output_dir", arrived)
