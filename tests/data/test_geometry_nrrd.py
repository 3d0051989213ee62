"""Where a NRRD file says that it lies."""

import damage as d
import nrrd
import numpy as np
import pytest
from monai.transforms import LoadImaged

from monai_attn.data.files import open_volume

LAS = np.diag([-0.8, 0.9, 2.5, 1.0])
OBLIQUE = d.turned(20) @ np.array([[-0.8, 0, 0, 40], [0, 0.9, 0, -30], [0, 0, 2.5, 12], [0, 0, 0, 1.0]])
LOAD = LoadImaged("image", reader="monai_attn.data.VolumeReader")


SPACES = {
    "left-posterior-superior": (-1, -1, 1),
    "LPS": (-1, -1, 1),
    "right-anterior-superior": (1, 1, 1),
    "RAS": (1, 1, 1),
    "Right-Anterior-Superior": (1, 1, 1),
    "left-anterior-superior": (-1, 1, 1),
    "las": (-1, 1, 1),
}


def save_nrrd(path, affine, space=None, **header):
    path.parent.mkdir(parents=True, exist_ok=True)
    named = {"space dimension": 3} if space is None else {"space": space}
    place = {**named, "space directions": affine[:3, :3].T, "space origin": affine[:3, 3]}
    nrrd.write(str(path), d.arrays(0)[0], {**place, **header})
    return path


@pytest.mark.parametrize("space", SPACES)
def test_nrrd_spaces_are_turned_to_ras(tmp_path, space):
    path = save_nrrd(tmp_path / "a.nrrd", np.diag([*SPACES[space], 1.0]) @ OBLIQUE, space)
    volume = open_volume(path)
    np.testing.assert_allclose(volume.affine, OBLIQUE, atol=1e-9)
    assert volume.geometry.doubts == ()
    np.testing.assert_allclose(LOAD({"image": str(path)})["image"].affine, OBLIQUE, atol=1e-9)


@pytest.mark.parametrize(
    ("units", "factor"), [(["m"] * 3, 1e-3), (["um"] * 3, 1e3), (["cm"] * 3, 0.1), (["mm"] * 3, 1)]
)
def test_nrrd_units_are_converted(tmp_path, units, factor):
    path = save_nrrd(tmp_path / "a.nrrd", np.diag([factor] * 3 + [1.0]) @ OBLIQUE, "RAS", **{"space units": units})
    np.testing.assert_allclose(open_volume(path).affine, OBLIQUE, atol=1e-9)


@pytest.mark.parametrize(("units", "factor"), [(["um"] * 3, 1e3), (["mm"] * 3, 1)])
def test_units_by_axis_count_where_there_are_no_others(tmp_path, units, factor):
    path = save_nrrd(tmp_path / "a.nrrd", np.diag([factor] * 3 + [1.0]) @ OBLIQUE, "RAS", units=units)
    np.testing.assert_allclose(open_volume(path).affine, OBLIQUE, atol=1e-9)
    path = save_nrrd(tmp_path / "b.nrrd", OBLIQUE, "RAS", units=["um", "mm", "mm"])
    assert open_volume(path).geometry.faults == ("states the units ['mm', 'um']: write it in mm ('space units')",)


@pytest.mark.parametrize("space", ["scanner-xyz", "3D-right-handed", "right-up-superior"])
def test_nrrd_in_a_space_without_left_is_refused(tmp_path, space):
    said = d.find_faults_everywhere(save_nrrd(tmp_path / "images" / "a.nrrd", OBLIQUE, space))
    assert len(said) == 3
    assert len(set(said)) == 1
    assert f"a.nrrd' lies in the space '{space.lower()}', which does not say where left is: write it as" in said[0]


def test_nrrd_in_an_unknown_unit_is_refused_and_without_a_space_is_said(tmp_path):
    said = d.find_faults_everywhere(
        save_nrrd(tmp_path / "images" / "a.nrrd", OBLIQUE, "RAS", **{"space units": ["inch"] * 3})
    )
    assert [one.partition("a.nrrd' ")[2] for one in said] == [
        "states the units ['inch']: write it in mm ('space units')"
    ] * 3
    (doubt,) = open_volume(save_nrrd(tmp_path / "b.nrrd", OBLIQUE)).geometry.doubts
    assert doubt.startswith("does not say where left is (it names no space); its axes are taken as in left-posterior-")


def test_a_slice_without_a_space_is_not_spoken_of(tmp_path):
    path = tmp_path / "a.nrrd"
    place = {"space dimension": 3, "space directions": np.eye(3), "space origin": np.zeros(3)}
    nrrd.write(str(path), d.arrays(0)[0][..., :1], place)
    assert open_volume(path).geometry.doubts == ()
