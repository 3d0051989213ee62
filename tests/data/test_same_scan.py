"""One scan, however it is stored, gives the same voxels at the same places; and each way of loading it works."""

import re

import nibabel as nib
import nrrd
import numpy as np
import pytest
from monai.transforms import Compose, EnsureChannelFirstd, LoadImaged, Orientationd

from monai_attn.data import VolumeReader, case_name, check, find_cases
from monai_attn.data.checks import image_problem
from monai_attn.data.files import open_volume

SHAPE = (9, 7, 5)
AFFINE = np.array([[1.5, 0, 0, -20], [0, 2, 0, 7], [0, 0, 3, -4], [0, 0, 0, 1.0]])
VOXELS = np.random.default_rng(0).integers(-500, 1000, SHAPE).astype(np.int16) * np.int16(2)
LPS = np.diag([-1.0, -1, 1, 1])


def stored(codes):
    """The scan with its axes in another order and direction."""
    turn = nib.orientations.ornt_transform(
        nib.orientations.io_orientation(AFFINE), nib.orientations.axcodes2ornt(tuple(codes))
    )
    moved = AFFINE @ nib.orientations.inv_ornt_aff(turn, SHAPE)
    return nib.orientations.apply_orientation(VOXELS, turn), moved


def nifti(path, array=VOXELS, affine=AFFINE, sform=1, qform=1, kind=nib.Nifti1Image, order="<"):
    header = kind.header_class(endianness=order)
    header.set_data_dtype(np.dtype(array.dtype).newbyteorder(order))
    image = kind(array, affine, header)
    image.set_sform(affine if sform else None, sform)
    image.set_qform(affine if qform else None, qform)
    nib.save(image, path)
    return path


def write_nrrd(path, affine, space):
    place = {"space": space, "space directions": affine[:3, :3].T, "space origin": affine[:3, 3]}
    nrrd.write(str(path), VOXELS, place, detached_header=path.suffix == ".nhdr")
    return path


def mixed_case(path):
    return nifti(path).rename(path.with_name("Scan.Nii"))


def upper_pair(folder):
    nifti(folder / "a.hdr", kind=nib.Nifti1Pair)
    (folder / "a.img").rename(folder / "a.IMG")
    return (folder / "a.hdr").rename(folder / "a.HDR")


def mgz(path, array=VOXELS):
    nib.save(nib.MGHImage(array, AFFINE), path)
    return path


def rescaled(path):
    """Store half of each value and 500, and let the header undo it."""
    content = bytearray(path.read_bytes())
    content[112:120] = np.array([2, -1000], "<f4").tobytes()
    np.frombuffer(content, "<i2", VOXELS.size, 352)[...] = (VOXELS.ravel("F") + 1000) // 2
    path.write_bytes(bytes(content))
    return path


WAYS = {
    "plain": lambda f: nifti(f / "a.nii"),
    "packed": lambda f: nifti(f / "a.nii.gz"),
    **{codes: lambda f, codes=codes: nifti(f / "a.nii", *stored(codes)) for codes in ("LPS", "PIR", "SAL", "IRP")},
    "sform only": lambda f: nifti(f / "a.nii", qform=0),
    "qform only": lambda f: nifti(f / "a.nii", sform=0),
    "slope": lambda f: rescaled(nifti(f / "a.nii")),
    "float64": lambda f: nifti(f / "a.nii", VOXELS.astype(np.float64)),
    "float32, big-endian": lambda f: nifti(f / "a.nii", VOXELS.astype(np.float32), order=">"),
    "int16, big-endian": lambda f: nifti(f / "a.nii.gz", order=">"),
    "int32": lambda f: nifti(f / "a.nii", VOXELS.astype(np.int32)),
    "NIfTI-2": lambda f: nifti(f / "a.nii", kind=nib.Nifti2Image),
    "NIfTI-2, big-endian": lambda f: nifti(f / "a.nii.gz", kind=nib.Nifti2Image, order=">"),
    "pair": lambda f: nifti(f / "a.hdr", kind=nib.Nifti1Pair),
    "pair of NIfTI-2": lambda f: nifti(f / "a.hdr", kind=nib.Nifti2Pair),
    "packed pair": lambda f: nifti(f / "a.hdr.gz", kind=nib.Nifti1Pair),
    "pair in capitals": upper_pair,
    "mixed case": lambda f: mixed_case(f / "a.nii"),
    "MGZ": lambda f: mgz(f / "a.mgz"),
    "MGZ, float": lambda f: mgz(f / "a.mgz", VOXELS.astype(np.float32)),
    "NRRD, LPS": lambda f: write_nrrd(f / "a.nrrd", LPS @ AFFINE, "left-posterior-superior"),
    "NRRD, RAS": lambda f: write_nrrd(f / "a.nrrd", AFFINE, "RAS"),
    "NRRD, detached": lambda f: write_nrrd(f / "a.nhdr", AFFINE, "RAS"),
}


@pytest.mark.parametrize("way", WAYS)
def test_the_same_scan_gives_the_same_voxels_in_the_same_place(tmp_path, way):
    path = WAYS[way](tmp_path)
    (case,) = find_cases(tmp_path)
    assert (case["image"], case_name(path)) == (str(path), case["case"])
    assert image_problem(case, 1, 3) is None
    volume = open_volume(path, keep=True)
    values = volume.voxels()
    assert values.dtype.isnative
    assert values.dtype.itemsize <= (8 if way == "float64" else 4)
    np.testing.assert_array_equal(values, open_volume(path).voxels())
    load = LoadImaged("image", reader="monai_attn.data.VolumeReader")
    item = Compose([load, EnsureChannelFirstd("image"), Orientationd("image", axcodes="RAS", labels=None)])(case)
    np.testing.assert_allclose(item["image"].affine, AFFINE, atol=1e-5)
    np.testing.assert_array_equal(item["image"].numpy(), VOXELS[None].astype(np.float32))


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((6, 5), (1, 6, 5)), ((6, 5, 1), (1, 6, 5, 1)), ((6, 5, 4), (1, 6, 5, 4)), ((6, 5, 4, 3), (3, 6, 5, 4))],
)
@pytest.mark.parametrize("files", [1, 2])
@pytest.mark.parametrize("ending", [".nii", ".nrrd", ".mgz"])
def test_channels_come_first_in_either_way(tmp_path, shape, expected, files, ending):
    if (ending == ".nrrd" and len(shape) == 4) or (ending == ".mgz" and len(shape) == 2):
        pytest.skip("there is no such file")
    array = np.random.default_rng(0).random(shape).astype(np.float32)
    paths = [str(tmp_path / f"{k}{ending}") for k in range(files)]
    for path in paths:
        if ending == ".nrrd":
            place = {"space directions": AFFINE[: array.ndim, : array.ndim].T, "space origin": AFFINE[: array.ndim, 3]}
            named = {"space": "RAS"} if array.ndim == 3 else {"space dimension": 2}
            nrrd.write(path, array, {**named, **place})
        else:
            nib.save((nib.Nifti1Image if ending == ".nii" else nib.MGHImage)(array, AFFINE), path)
    case = {"image": paths[0] if files == 1 else paths}
    one = LoadImaged("image", reader=VolumeReader, ensure_channel_first=True)
    other = Compose([LoadImaged("image", reader=VolumeReader()), EnsureChannelFirstd("image")])
    if files == 2 and len(shape) == 4:
        with pytest.raises(ValueError, match=r"give it one channel on that grid") as caught:
            VolumeReader().get_data(VolumeReader().read(paths))
        assert paths[1] in str(caught.value)
        return
    for load in (one, other):
        image = load(case)["image"]
        assert image.shape == (files, *expected[1:]) if files == 2 else image.shape == expected
        plain = np.moveaxis(array, -1, 0) if array.ndim == 4 else array[None]
        np.testing.assert_array_equal(image.numpy(), np.concatenate([plain] * files))
        assert image.meta["spatial_shape"].tolist() == list(shape[:3])
        assert image.meta["filename_or_obj"] == paths[0]
        assert str(image.meta["space"]) == "RAS"


def test_half_of_a_pair_is_named(tmp_path):
    nifti(tmp_path / "a.hdr", kind=nib.Nifti1Pair)
    (tmp_path / "a.img").unlink()
    (case,) = find_cases(tmp_path)
    missing = f"'{tmp_path}/a.img' is not there: add that file"
    assert image_problem(case, 1, 3) == missing
    with pytest.raises(FileNotFoundError, match=re.escape(missing)):
        open_volume(case["image"])


def test_analyze_says_that_it_does_not_know_left(tmp_path):
    nib.save(nib.AnalyzeImage(VOXELS, AFFINE), tmp_path / "a.hdr")
    (case,) = find_cases(tmp_path)
    assert "(it is Analyze, which does not say where left is; convert it to NIfTI)" in image_problem(case, 1, 3)


def test_a_real_header_without_its_voxels(shared_data):
    with pytest.raises(FileNotFoundError, match=r"nifti1\.img' is not there"):
        open_volume(shared_data / "odd" / "nifti1.hdr")


@pytest.mark.parametrize("name", ["anatomical.nii", "example4d.nii.gz", "example_nifti2.nii.gz", "one_slice.nii.gz"])
def test_odd_real_files_are_read_as_nibabel_reads_them(shared_data, name):
    volume, image = open_volume(shared_data / "odd" / name), nib.load(shared_data / "odd" / name)
    assert (volume.shape, volume.geometry.faults, volume.geometry.doubts) == (image.shape, (), ())
    np.testing.assert_allclose(volume.affine, image.affine, atol=1e-6)
    np.testing.assert_array_equal(volume.voxels(), np.asanyarray(image.dataobj).astype(np.float32))


def test_real_data_get_no_new_warning(shared_data):
    for path in sorted((shared_data / "HeadNeckCT").rglob("*.nii.gz"))[:6]:
        assert open_volume(path).geometry.doubts == open_volume(path).geometry.faults == ()
    report = check(shared_data / "OpenMS_4ch", progress=False)
    assert [finding.text for finding in report.findings if "sform" in finding.text or "left" in finding.text] == []
