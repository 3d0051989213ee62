"""Values are looked at in the precision in which they are used, by the check and by the reader in the same words."""

import damage as d
import nibabel as nib
import numpy as np
import pytest
from conftest import save_nifti
from monai.transforms import Compose, LoadImaged

from monai_attn.data import check
from monai_attn.data.checks import image_problem
from monai_attn.errors import root_cause

FLOAT32, FLOAT64 = np.finfo(np.float32).max, np.finfo(np.float64).max
LOAD = Compose([LoadImaged(["image", "label"], reader="monai_attn.data.VolumeReader")])


def fill(path, value, dtype):
    """Write ``value`` into the first slice."""
    voxels = d.values(path).astype(dtype)
    voxels[0] = value
    nib.save(nib.Nifti1Image(voxels, np.eye(4), dtype=dtype), path)


def said_by_the_reader(case) -> str:
    with pytest.raises(RuntimeError, match="applying transform") as caught:
        LOAD(case)
    return str(root_cause(caught.value))


@pytest.mark.parametrize(
    ("value", "dtype", "words"),
    [
        (-FLOAT32, np.float32, "140 voxel(s) such as -3.4e+38, whose squares are beyond the range of 32-bit floats"),
        (-FLOAT64, np.float64, "140 voxel(s) such as -1.8e+308, whose squares are beyond the range of 32-bit floats"),
        (1e20, np.float32, "140 voxel(s) such as 1e+20, whose squares are beyond the range of 32-bit floats"),
        (2**62, np.int64, "140 voxel(s) such as 4.61e+18, whose squares are beyond the range of 32-bit floats"),
        (np.nan, np.float64, "140 voxel(s) that are NaN or infinite"),
        (-np.inf, np.float32, "140 voxel(s) that are NaN or infinite"),
    ],
)
def test_an_image_that_overflows_is_refused_by_check_and_reader_alike(tmp_path, value, dtype, words):
    root = d.dataset(tmp_path, count=2)
    path = d.image(root, "case_1")
    fill(path, value, dtype)
    (error,) = check(root, progress=False).errors
    assert (error.case, error.text) == ("case_1", f"'{path}' has {words}: replace them")
    assert said_by_the_reader({"image": str(path), "label": str(d.label(root, "case_1"))}) == error.text
    assert image_problem({"case": "case_1", "image": str(path)}, 1, 3) is None  # which reads the header alone


@pytest.mark.parametrize("value", [-1e14, -32768, 65535])
def test_large_values_that_can_be_computed_with_pass(tmp_path, value):
    root = d.dataset(tmp_path, count=2)
    fill(d.image(root, "case_1"), value, np.float64)
    assert check(root, progress=False).errors == []
    item = LOAD({"image": str(d.image(root, "case_1")), "label": str(d.label(root, "case_1"))})
    assert float(item["image"][0, 0, 0]) == pytest.approx(value)


@pytest.mark.parametrize(
    ("value", "dtype", "shown"),
    [(1e30, np.float64, "1e+30"), (-FLOAT32, np.float32, "-3.4e+38"), (2**40, np.int64, "1.1e+12")],
)
def test_a_label_value_that_is_no_integer_in_32_bits_is_refused(tmp_path, value, dtype, shown):
    root = d.dataset(tmp_path, count=2)
    fill(d.label(root, "case_1"), value, dtype)
    (error,) = check(root, progress=False).errors
    text = f"has the value {shown}, which 32-bit floats do not hold exactly: write the classes 0, 1, ..."
    assert error.text == f"label '{d.label(root, 'case_1')}' {text}"


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda p: p.write_bytes(p.read_bytes()[:3000]), "has damaged or missing voxels (Compressed file ended before"),
        (lambda p: p.write_bytes(b""), "cannot be read as NIfTI (it is empty, 0 bytes): replace the file"),
        (d.rgb, "has voxels of type"),
        (lambda p: d.patch_header(p, d.SROW_Y, np.nan), "has the singular or non-finite affine"),
        (lambda p: d.patch_header(p, d.PIXDIM_Y, 0), "has the spacing 1 x 0 x 1 mm in its header"),
        (lambda p: p.unlink(), "is not there: add that file"),
        (lambda p: save_nifti(p, np.zeros((3, 3, 3, 1, 2))), "has 5 axes, not 2, 3, or 4 with channels: convert it"),
        (
            lambda p: p.write_bytes(d.gzip.compress(d.gzip.decompress(p.read_bytes()))[:-8] + bytes(8)),
            "CRC check failed",
        ),
    ],
)
def test_the_reader_says_itself_what_is_wrong(tmp_path, spoil, words):
    root = d.dataset(tmp_path, count=1)
    spoil(d.image(root, "case_0"))
    said = said_by_the_reader({"image": str(d.image(root, "case_0")), "label": str(d.label(root, "case_0"))})
    assert said.startswith(f"'{d.image(root, 'case_0')}' ")
    assert words in said
    assert "\n" not in said


def test_channels_on_two_grids_are_refused_by_the_reader(tmp_path):
    one, other = (save_nifti(tmp_path / f"{k}.nii", d.arrays(k)[0], d.moved(9 * k)) for k in range(2))
    said = said_by_the_reader({"image": [str(one), str(other)], "label": str(one)})
    assert said.startswith(f"image '{other}' lies elsewhere than the first channel '{one}' (up to 9 mm apart")


def test_files_of_one_channel_each_are_not_files_of_several(tmp_path):
    one, other = (
        save_nifti(tmp_path / "0.nii", np.zeros((*d.SHAPE, 2))),
        save_nifti(tmp_path / "1.nii", np.zeros(d.SHAPE)),
    )
    said = said_by_the_reader({"image": [str(one), str(other)], "label": str(one)})
    assert said == f"image '{one}' of shape (12, 14, 10, 2) is one of 2 files: give each one channel"


def test_a_header_that_promises_more_than_there_can_be_allocates_nothing(tmp_path):
    root = d.dataset(tmp_path, count=1)
    path = d.image(root, "case_0")
    content = bytearray(d.gzip.decompress(path.read_bytes()))
    content[42:48] = np.array([30000, 30000, 30000], "<i2").tobytes()  # 108 TB
    path.write_bytes(d.gzip.compress(bytes(content)))
    said = said_by_the_reader({"image": str(path), "label": str(d.label(root, "case_0"))})
    assert "has damaged or missing voxels (its " in said
    assert "bytes cannot hold the 108000000000352 that the header promises): replace the file" in said


def test_a_case_that_does_not_fit_into_memory_is_named(tmp_path, monkeypatch):
    root = d.dataset(tmp_path, count=2)
    monkeypatch.setenv("MONAI_ATTN_CACHE", "off")

    def full(*_):
        raise MemoryError

    monkeypatch.setattr("monai_attn.data.checks._inspection.value_fault", full)
    errors = check(root, progress=False).errors
    assert [error.case for error in errors] == ["case_0", "case_1"]
    assert errors[0].text.startswith(f"image '{d.image(root, 'case_0')}' takes more memory than there is: crop it")


HUGE = {
    "more than any memory": ((30000, 30000, 30000), np.uint8, ".nii"),
    "the same, packed": ((30000, 30000, 30000), np.float64, ".nii.gz"),
    "four axes": ((32767, 32767, 32767, 32767), np.float64, ".nii"),
}


@pytest.mark.parametrize(("shape", "dtype", "ending"), HUGE.values(), ids=HUGE)
@pytest.mark.parametrize("folder", ["images", "labels"])
def test_a_header_that_promises_more_than_any_memory_is_that_cases_fault(tmp_path, folder, shape, dtype, ending):
    root = d.dataset(tmp_path)
    header = nib.Nifti1Header()
    header.set_data_dtype(dtype)
    header.set_data_shape(shape)
    header.set_sform(np.eye(4), 1)
    header["vox_offset"], header["magic"] = 352, b"n+1"
    content = header.binaryblock + bytes(1000)
    (root / folder / "case_2.nii.gz").unlink()
    target = root / folder / f"case_2{ending}"
    target.write_bytes(d.gzip.compress(content) if ending.endswith("gz") else content)
    report = check(root, progress=False)
    assert {finding.case for finding in report.errors} == {"case_2"}
    assert any(f"'{target}' has damaged or missing voxels" in finding.text for finding in report.errors)
    assert sum(bool(facts.label_voxels) for facts in report.cases) == 5
