"""Headers of NIfTI that contradict themselves, or say what the standard does not have."""

import logging

import damage as d
import nibabel as nib
import numpy as np
import pytest
from monai.transforms import LoadImaged

from monai_attn.data.files import open_volume

PIXDIM, XYZT, QFORM_CODE, SFORM_CODE = 76, 123, 252, 254  # bytes in the header
LAS = np.diag([-0.8, 0.9, 2.5, 1.0])
LOAD = LoadImaged("image", reader="monai_attn.data.VolumeReader")


def save(path, affine, sform=1, qform=1, other=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    image = nib.Nifti1Image(d.arrays(0)[0], affine)
    image.set_sform(affine if sform else None, sform)
    image.set_qform(affine if other is None else other, qform)
    image.header.set_xyzt_units("mm", "sec")
    nib.save(image, path)
    return path


def patch(path, offset, number, kind):
    content = bytearray(path.read_bytes())
    content[offset : offset + np.dtype(kind).itemsize] = np.array(number, kind).tobytes()
    path.write_bytes(bytes(content))
    return path


@pytest.mark.parametrize(
    ("offset", "number", "kind", "words"),
    [
        (XYZT, 5, "u1", "states lengths in the unit 5, which NIfTI does not have: write mm (2 in xyzt_units)"),
        (XYZT, 12, "u1", "states lengths in the unit 4, which NIfTI does not have: write mm (2 in xyzt_units)"),
        (SFORM_CODE, 7, "<i2", "has the sform code 7, which NIfTI does not have: write 1 if it is the scanner's"),
        (QFORM_CODE, -1, "<i2", "has the qform code -1, which NIfTI does not have: write 1 if it is the scanner's"),
        (SFORM_CODE, 0, "<i2", None),
        (SFORM_CODE, 5, "<i2", None),
    ],
)
def test_what_nifti_does_not_have_is_refused_by_check_and_reader_alike(tmp_path, offset, number, kind, words):
    path = patch(save(tmp_path / "images" / "a.nii", LAS), offset, number, kind)
    if words is None:
        assert open_volume(path).geometry.faults == ()
        return
    said = d.find_faults_everywhere(path)
    assert len(said) == 3
    assert all(one.startswith(f"'{path}' {words}") for one in said)


@pytest.mark.parametrize(("units", "factor"), [(1 | 64, 1e-3), (3 | 0xC0, 1e3), (2 | 0xF8, 1), (0 | 48, 1)])
def test_an_odd_unit_of_time_does_not_hide_that_of_lengths(tmp_path, units, factor):
    path = patch(save(tmp_path / "a.nii", np.diag([factor] * 3 + [1]) @ LAS), XYZT, units, "u1")
    assert open_volume(path).geometry.faults == ()
    np.testing.assert_allclose(open_volume(path).affine, LAS, rtol=1e-5)


@pytest.mark.parametrize(("qfac", "refused"), [(-2, True), (np.nan, True), (0, False), (4, False), (-1, False)])
def test_a_handedness_that_readers_disagree_on_is_refused_where_it_counts(tmp_path, qfac, refused):
    alone = open_volume(patch(save(tmp_path / "a.nii", LAS, sform=0), PIXDIM, qfac, "<f4")).geometry
    assert [fault.partition(" (pixdim")[0] for fault in alone.faults] == (
        [f"has the qfac {qfac:.4g}"] if refused else []
    )
    both = open_volume(patch(save(tmp_path / "b.nii", LAS, qform=0), PIXDIM, qfac, "<f4")).geometry
    assert (both.faults, both.doubts) == ((), ())
    np.testing.assert_allclose(both.affine, LAS, atol=1e-6)


@pytest.mark.parametrize(("other", "level"), [(45.1, None), (75, "doubt"), (134.9, "fault"), (-135, "fault")])
def test_forms_are_compared_by_their_angle_and_not_by_letters(tmp_path, other, level):
    """At 45 degrees the letters change from one side to the other, though next to nothing has moved."""
    square = np.diag([1.0, 1.0, 1.0, 1.0])
    path = save(tmp_path / "a.nii", d.turned(44.9) @ square, other=d.turned(other) @ square)
    geometry = open_volume(path).geometry
    assert [bool(geometry.doubts), bool(geometry.faults)] == [level == "doubt", level == "fault"]
    np.testing.assert_allclose(geometry.affine, d.turned(44.9), atol=1e-6)


@pytest.mark.parametrize("unit", ["meter", "mm"])
def test_voxels_larger_than_any_scanners_are_said(tmp_path, unit, caplog):
    path = save(tmp_path / "images" / "a.nii", LAS if unit == "meter" else np.diag([-800, 900, 2500, 1.0]))
    patch(path, XYZT, 1 if unit == "meter" else 2, "u1")
    with caplog.at_level(logging.WARNING):
        LOAD({"image": str(path)})
    text = f"'{path}' has voxels of 800 x 900 x 2500 mm, by a header in {unit}: check that this is its unit"
    assert caplog.messages == [text]
    assert text in [f.text for f in d.check_alone(path).findings]
