"""Where a file says that it lies: what is converted, what is refused and what is said, in check and reader alike."""

import logging

import damage as d
import nibabel as nib
import numpy as np
import pytest
from conftest import save_nifti
from monai.transforms import LoadImaged

from monai_attn.data import InputGridWriter, TrustImageHeaderd, VolumeReader, check, find_cases
from monai_attn.data.files import open_volume

OBLIQUE = d.turned(20) @ np.array([[-0.8, 0, 0, 40], [0, 0.9, 0, -30], [0, 0, 2.5, 12], [0, 0, 0, 1.0]])
LAS = np.diag([-0.8, 0.9, 2.5, 1.0])
LOAD = LoadImaged("image", reader="monai_attn.data.VolumeReader")


def save(path, affine, sform=1, qform=1, unit="mm", other=None, kind=nib.Nifti1Image):
    """Write a NIfTI file with these codes; ``other`` is its qform where that differs."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = kind(d.arrays(0)[0], affine)
    image.set_sform(affine if sform else None, sform)
    image.set_qform(affine if other is None else other, qform)
    image.header.set_xyzt_units(unit)
    nib.save(image, path)
    return path


def pixdim(path, *sizes):
    """Write these numbers over the spacing in the header, and nothing else."""
    content = bytearray(path.read_bytes())
    content[80 : 80 + 4 * len(sizes)] = np.array(sizes, "<f4").tobytes()
    path.write_bytes(bytes(content))


@pytest.mark.parametrize(("sform", "qform"), [(2, 0), (0, 1), (1, 1), (4, 1)])
@pytest.mark.parametrize("kind", [nib.Nifti1Image, nib.Nifti2Image])
def test_the_form_with_a_code_counts(tmp_path, sform, qform, kind):
    path = save(tmp_path / "a.nii", OBLIQUE, sform, qform, kind=kind)
    np.testing.assert_allclose(open_volume(path).affine, OBLIQUE, atol=1e-4)
    assert open_volume(path).geometry.doubts == ()
    image = LOAD({"image": str(path)})["image"]
    np.testing.assert_array_equal(image.affine, open_volume(path).affine)


@pytest.mark.parametrize("off", [1e-5, 1e-4, 2e-3])
def test_a_rounded_spacing_moves_nothing(tmp_path, off):
    path = save(tmp_path / "a.nii", LAS, sform=2, qform=0)
    pixdim(path, 0.8 + off, 0.9 + off, 2.5)
    volume = open_volume(path)
    assert (volume.geometry.faults, volume.geometry.doubts) == ((), ())
    np.testing.assert_array_equal(LOAD({"image": str(path)})["image"].affine, volume.affine)
    np.testing.assert_allclose(volume.affine, LAS, atol=1e-6)


@pytest.mark.parametrize(("sform", "qform"), [(2, 0), (1, 1)])
@pytest.mark.parametrize("sizes", [(0.4, 0.9, 2.5), (0.8, 0.9, 1.0), (0.83, 0.9, 2.5)])
def test_a_spacing_that_contradicts_the_affine_is_refused(tmp_path, sform, qform, sizes):
    path = save(tmp_path / "images" / "a.nii", LAS, sform, qform)
    pixdim(path, *sizes)
    said = d.find_faults_everywhere(path)
    stated = " x ".join(f"{size:.4g}" for size in sizes)
    text = f"'{path}' has the spacing {stated} mm in its header (pixdim), but its affine has 0.8 x 0.9 x 2.5 mm: write"
    assert len(said) == 3
    assert all(one.startswith(text) for one in said)


@pytest.mark.parametrize(
    ("other", "axes"), [(LAS * [[-1], [1], [1], [1]], "RAS"), (LAS[:, [1, 0, 2, 3]] @ np.diag([1, 1, 1, 1]), "ALS")]
)
def test_two_orientations_in_one_header_are_refused(tmp_path, other, axes):
    sizes = np.linalg.norm(other[:3, :3], axis=0)
    path = save(tmp_path / "images" / "a.nii", LAS, other=other)
    pixdim(path, 0.8, 0.9, 2.5)
    assert sizes.prod() == pytest.approx(1.8)
    said = d.find_faults_everywhere(path)
    text = f"'{path}' says two things of its orientation (the sform gives LAS, the qform {axes}): write the right one"
    assert len(said) == 3
    assert all(one.startswith(text) for one in said)


@pytest.mark.parametrize(("shift", "said"), [(1e-3, False), (0.2, False), (3.0, True)])
def test_two_places_in_one_header_are_said(tmp_path, shift, said, caplog):
    path = save(tmp_path / "images" / "a.nii", LAS, other=d.moved(shift) @ LAS)
    np.testing.assert_allclose(open_volume(path).affine, LAS, atol=1e-6)
    with caplog.at_level(logging.WARNING):
        LOAD({"image": str(path)})
    text = f"'{path}' has an sform and a qform up to 3 mm apart; the sform is used: check it"
    assert caplog.messages == ([text] if said else [])
    assert [f.text for f in d.check_alone(path).findings if f.level == "warning"] == ([text] if said else [])


@pytest.mark.parametrize("sform", [0, 1])
def test_a_qform_that_is_not_a_rotation_is_said_or_refused(tmp_path, sform):
    path = save(tmp_path / "a.nii", LAS, sform)
    content = bytearray(path.read_bytes())
    content[256:268] = np.array([0.9, 0.9, 0.9], "<f4").tobytes()  # quatern_b, _c, _d
    path.write_bytes(bytes(content))
    geometry = open_volume(path).geometry
    text = ("has a qform that is not a rotation: correct its header",)
    assert (geometry.doubts, geometry.faults) == ((text, ()) if sform else ((), text))
    if sform:
        np.testing.assert_allclose(geometry.affine, LAS, atol=1e-6)


def test_a_file_that_does_not_say_where_left_is_is_named_once(tmp_path, caplog):
    path = save(tmp_path / "images" / "a.nii", LAS, 0, 0)
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            image = LOAD({"image": str(path)})["image"]
    (text,) = caplog.messages
    assert text == (
        f"'{path}' does not say where left is (the codes of its sform and qform are 0); its axes are taken as LAS: "
        "check that left and right are correct"
    )
    np.testing.assert_allclose(np.diag(image.affine), [-0.8, 0.9, 2.5, 1], atol=1e-6)
    save(tmp_path / "labels" / "a.nii", LAS, 0, 0)
    for _ in range(2):  # also out of the cache
        (finding,) = [f for f in check(tmp_path, progress=False).findings if f.level == "warning"]
        assert (finding.case, finding.text) == ("a", text)
    save(tmp_path / "slice.nii", LAS, 0, 0)
    nib.save(nib.Nifti1Image(d.arrays(0)[0][..., :1], None), tmp_path / "slice.nii")
    assert open_volume(tmp_path / "slice.nii").geometry.doubts == ()  # a slice has no use for it


def test_what_the_check_said_is_not_said_again_by_the_reader(tmp_path, caplog):
    for folder in ("images", "labels"):
        save(tmp_path / folder / "b.nii", LAS, 0, 0)
    check(tmp_path, progress=False)
    with caplog.at_level(logging.WARNING):
        LOAD(find_cases(tmp_path)[0])
    assert caplog.messages == []


def test_an_mgz_file_without_a_valid_orientation_is_refused(tmp_path):
    path = tmp_path / "images" / "a.mgh"
    path.parent.mkdir()
    path.write_bytes(nib.MGHImage(d.arrays(0)[0], LAS).to_bytes())
    assert open_volume(path).geometry.faults == ()
    path.write_bytes(path.read_bytes()[:28] + b"\0\0" + path.read_bytes()[30:])
    (said,) = {one.partition("a.mgh' ")[2] for one in d.find_faults_everywhere(path)}
    assert said == "does not say where its voxels lie (goodRASFlag is 0): write it with an affine"


@pytest.mark.parametrize("form", [(1, 0), (0, 1), (1, 1)])
@pytest.mark.parametrize(("unit", "factor"), [("meter", 1e-3), ("micron", 1e3), ("mm", 1), ("unknown", 1)])
def test_units_are_converted_and_results_keep_the_headers_numbers(tmp_path, unit, factor, form):
    scale = np.diag([factor, factor, factor, 1])
    path = save(tmp_path / "images" / "a.nii", scale @ OBLIQUE, *form, unit=unit)
    np.testing.assert_allclose(open_volume(path).affine, OBLIQUE, rtol=1e-4, atol=1e-3)
    np.testing.assert_array_equal(LOAD({"image": str(path)})["image"].affine, open_volume(path).affine)
    save_nifti(tmp_path / "labels" / "a.nii", d.arrays(0)[1], open_volume(path).affine)
    report = check(tmp_path, progress=False)
    notes = [note for note in report.notes if "convert" in note]
    assert notes == ([] if factor == 1 else [f"1 image(s) state lengths in {unit}, converted to mm here: 'a'"])
    assert [f.text for f in report.findings if "a.nii" in f.text] == []
    assert report.cases[0].spacing_mm == pytest.approx((0.8, 0.9, 2.5), rel=1e-3)
    writer = InputGridWriter(output_dtype=np.uint8)
    writer.set_data_array(d.arrays(0)[1][None])
    writer.set_metadata({"filename_or_obj": str(path)})
    writer.write(tmp_path / "out.nii")
    before, after = nib.load(path), nib.load(tmp_path / "out.nii")
    np.testing.assert_array_equal(after.affine, before.affine)
    assert after.header.get_xyzt_units()[0] == unit
    np.testing.assert_array_equal(open_volume(tmp_path / "out.nii").affine, open_volume(path).affine)


def test_a_label_of_a_micrometre_scan_must_lie_on_it_within_its_own_scale(tmp_path):
    affine = np.diag([4e-4, 4e-4, 4e-4, 1])  # mm
    save(tmp_path / "images" / "a.nii", affine)
    save_nifti(tmp_path / "labels" / "a.nii", d.arrays(0)[1], d.moved(8e-4) @ affine)  # two voxels
    (error,) = [f for f in check(tmp_path, progress=False).errors if f.case]
    assert "lies elsewhere" in error.text
    save_nifti(tmp_path / "labels" / "a.nii", d.arrays(0)[1], d.moved(1e-6) @ affine)
    assert [f for f in check(tmp_path, progress=False).errors if f.case] == []


@pytest.mark.parametrize("spoil", [(d.SROW_Y, np.nan), (d.PIXDIM_Y, 0)])
def test_a_label_without_a_place_can_get_its_images(tmp_path, spoil):
    root = d.dataset(tmp_path)
    d.patch_header(d.label(root), *spoil)
    case = {"image": str(d.image(root)), "label": str(d.label(root))}
    with pytest.raises(ValueError, match=r"labels/case_2.nii.gz' has the s"):
        LoadImaged("label", reader=VolumeReader())(case)
    assert [finding for finding in check(root, trust_image_header=True, progress=False).errors if finding.case] == []
    load = LoadImaged(["image", "label"], reader=VolumeReader(check_geometry=False), ensure_channel_first=True)
    item = TrustImageHeaderd("label")(load(case))
    np.testing.assert_array_equal(item["label"].affine, item["image"].affine)
    np.testing.assert_array_equal(item["label"][0], d.arrays(2)[1])
