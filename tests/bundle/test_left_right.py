"""Pairs of sides are certain, or there are no flips from left to right."""

from dataclasses import replace

import numpy as np
import pytest

from monai_attn import cli
from monai_attn.bundle import plan
from monai_attn.bundle.planning._left_right import find_sides
from monai_attn.data import check, measure
from monai_attn.data._fingerprint import _class_names
from tests.bundle.test_planning import CUBE
from tests.conftest import save_nifti


def sides(*names: str, dims: int = 3, **changes):
    named = _class_names(dict(enumerate(names, start=1)), len(names))
    return find_sides(replace(CUBE, class_names=named, named=True, spatial_dims=dims, **changes))


@pytest.mark.parametrize(
    "names",
    [
        ("LLung", "RLung"),
        ("LungL", "LungR"),
        ("LEFT LUNG", "RIGHT LUNG"),
        ("leftLung", "rightLung"),
        ("lungleft", "lungright"),
        ("Lung_L", "Lung_R"),
        ("lung.l", "lung.r"),
        ("L-Lung", "R-Lung"),
        ("Lung (lt)", "Lung (rt)"),
        ("lh_cortex", "rh_cortex"),
        ("rib_l1", "rib_r1"),
        ("Lunge links", "Lunge rechts"),
        ("linke Lunge", "rechte Lunge"),
        ("poumon_gauche", "poumon_droit"),
        ("pulmón izquierdo", "pulmón derecho"),
        ("polmone_sx", "polmone_dx"),
        ("pulmo sinister", "pulmo dexter"),
        ("pulmão esquerdo", "pulmão direito"),
        ("venstre lunge", "høyre lunge"),
        ("vänster lunga", "höger lunga"),
        ("vasen keuhko", "oikea keuhko"),
        ("lewe płuco", "prawe płuco"),
        ("левое лёгкое", "правое лёгкое"),
        ("左肺", "右肺"),
        ("왼쪽 폐", "오른쪽 폐"),
    ],
    ids=" ".join,
)
def test_spellings_of_one_organs_sides_are_paired(names):
    assert sides(*names).pairs == [[1, 2]]
    assert sides(*names).flips == [0]
    assert sides(names[1], "spine", names[0]).pairs == [[1, 3]]
    assert sides(*names, dims=2).flips == []  # nothing says which axis goes from left to right


@pytest.mark.parametrize(
    "names",
    [
        ("left_kidney",),
        ("RLung", "heart"),
        ("lung_l", "heart"),
        ("llung", "rlung"),
        ("parotisrechts", "mandible"),
        ("kidneyleft", "liver"),
        ("leftlung", "liver"),
        ("leftlung", "lungright"),
        ("левоелегкое", "печень"),
        ("kidney_1", "kidney_2"),
        ("lung a", "lung b"),
        ("rein_g", "rein_d"),
        ("класс_левый", "сердце"),
        ("左腎", "肝"),
        ("left_lung", "right_lung", "right_kidney"),
    ],
    ids=" ".join,
)
def test_what_may_be_a_side_stops_the_flips_and_says_how_to_name_pairs(names):
    for dims in (2, 3):
        found = sides(*names, dims=dims)
        assert found.flips == []
        assert "pass --left_right_pairs" in found.reason


@pytest.mark.parametrize(
    "names",
    [
        ("liver",),
        ("anterior", "posterior"),
        ("liver", "lung", "lesion", "rectum", "rib"),
        ("bright_spot", "cleft", "copyright"),
        ("levator_ani", "solid", "direct"),
        ("white_matter", "gray_matter", "csf"),
        ("wm", "gm"),
        ("enhancing_tumor", "necrotic_tumor"),
    ],
    ids=" ".join,
)
def test_classes_without_sides_keep_the_flips(names):
    assert sides(*names) == ([], [0], "Random flips along axis 0.")
    assert sides(*names, dims=2).flips == [0, 1]


def test_classes_without_names_might_be_sides():
    for names, flips in ((("class_1", "class_2"), []), (("class_1",), [0])):
        assert find_sides(replace(CUBE, class_names=names, named=False)).flips == flips


def test_what_was_given_goes_before_names():
    given = sides("apple", "pear", "left_thing", left_right_pairs=((1, 2),))
    assert (given.pairs, given.flips) == ([[1, 2]], [0])
    assert sides("left_kidney", left_right_pairs=()) == ([], [0], "Random flips along axis 0.")


@pytest.fixture
def organs(tmp_path):
    """Six cases with two balls beside one another, turned from case to case, and one between them."""

    def make(separation=(14, 0, 0), swap=False):
        rng, grid = np.random.default_rng(1), np.indices((36, 24, 22))
        flipped = np.diag([-1.0, 1.0, 1.0, 1.0])
        for index in range(6):
            label = np.zeros(grid.shape[1:], np.uint8)
            for value, sign in ((1, -1), (2, 1)):
                place = np.array([18, 12, 11]) + sign * np.array(separation) / 2 + rng.uniform(-1, 1, 3)
                if swap and index % 2:
                    place = np.array([36, 24, 22]) - place
                label[sum((grid[a] - place[a]) ** 2 for a in range(3)) < 16] = value
            image = (label * 50 + rng.normal(0, 5, label.shape)).astype(np.float32)
            affine = flipped if index % 2 else np.eye(4)
            for name, values in (("imagesTr", image), ("labelsTr", label)):
                save_nifti(tmp_path / "set" / name / f"c{index}.nii", values[::-1] if index % 2 else values, affine)
        return measure(check(tmp_path / "set", progress=False))

    return make


def test_classes_that_lie_like_left_and_right_are_seen_whatever_their_names(organs):
    fingerprint = replace(organs(), class_names=("vasak", "parem"), named=True)
    assert fingerprint.mirrored == ((1, 2),)
    found = find_sides(fingerprint)
    assert (found.pairs, found.flips) == ([], [])
    assert "'vasak' and 'parem' lie like left and right" in found.reason


@pytest.mark.parametrize("options", [{"separation": (0, 10, 0)}, {"swap": True}, {"separation": (9, 10, 0)}], ids=str)
def test_classes_that_lie_otherwise_are_no_sides(organs, options):
    assert organs(**options).mirrored == ()


def test_real_data_keep_their_flips(shared_data):
    for name in ("HeadNeckCT", "Task04_Hippocampus"):
        found = find_sides(measure(check(shared_data / name, progress=False)))
        assert found.flips == [0], found.reason
        assert found.pairs == ([[3, 4]] if name == "HeadNeckCT" else [])


def test_names_and_pairs_can_be_given_on_the_command_line(organs, tmp_path, capsys):
    organs()
    arguments = [str(tmp_path / "set"), "--name", "planned", "--output_dir", str(tmp_path), "--hours", "0.0005"]
    pairs = ["--class_names", "vasak,parem", "--left_right_pairs", "[[vasak,parem]]"]
    assert cli.main(["plan", *arguments, *pairs]) == 0
    assert "Flips left to right exchange the classes [[1, 2]], as given." in capsys.readouterr().out
    spec = (tmp_path / "planned" / "bundle.json").read_text()
    assert '"class_names": ["vasak", "parem"]' in spec
    assert '"left_right_pairs": [[1, 2]]' in spec
    command = (tmp_path / "planned" / "docs" / "README.md").read_text()
    assert "--left_right_pairs '[['\"'\"'vasak'" in command


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"class_names": ["one"]}, r"class_names=\['one'\] are 1 for the labels 1 to 2"),
        ({"class_names": ["same", "same"]}, "give each a name of its own"),
        ({"left_right_pairs": [[1, 3]]}, r"must be pairs of 1 to 2, or of names: class_1, class_2"),
        ({"left_right_pairs": [["left", "right"]]}, "must be pairs of 1 to 2"),
        ({"left_right_pairs": [[1, 1]]}, "has a class twice"),
        ({"left_right_pairs": [[1]]}, "must be pairs"),
    ],
)
def test_names_and_pairs_that_do_not_fit_are_refused(organs, tmp_path, options, message):
    organs()
    with pytest.raises(ValueError, match=message):
        plan(tmp_path / "set", "planned", tmp_path, progress=False, **options)
    assert not (tmp_path / "planned").exists()


def test_a_list_that_cannot_be_read_is_refused(capsys):
    with pytest.raises(SystemExit):
        cli.main(["plan", "set", "--name", "x", "--left_right_pairs", "1,2"])
    assert "'1,2' is not a list of pairs such as [[1,2]]" in capsys.readouterr().err
