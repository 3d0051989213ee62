"""Pairs, NRRD and MGZ as good as NIfTI: found, checked, loaded, and results on their grid."""

import damage as d
import nibabel as nib
import nrrd
import numpy as np
import pytest
from monai.transforms import LoadImaged

from monai_attn.data import InputGridWriter, VolumeReader, case_name, check, find_cases

UNCLOSED = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # by nibabel
ENDINGS = [".nii", ".nii.gz", ".hdr", ".nrrd", ".nhdr", ".mgz", pytest.param(".mgh", marks=UNCLOSED)]


def pair(root, ending, count=2, **header):
    for index in range(count):
        image, label = d.arrays(index)
        d.save_volume(root / "imagesTr" / f"case_{index}{ending}", image, **header)
        d.save_volume(root / "labelsTr" / f"case_{index}{ending}", label)
    return root


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_pair_is_found_and_passes(tmp_path, ending):
    root = pair(tmp_path, ending)
    assert [case_name(case["image"]) for case in find_cases(root, labelled=True)] == ["case_0", "case_1"]
    report = check(root, progress=False)
    assert report.findings == []
    facts = report.cases[0]
    assert (facts.shape, facts.orientation) == (d.SHAPE, "LSP")
    assert facts.spacing_mm == pytest.approx((2, 3, 1.5))
    assert facts.label_voxels == {0: 1580, 1: 64, 2: 36}


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_pair_is_loaded_alike_and_quietly(tmp_path, ending, caplog):
    case = find_cases(pair(tmp_path, ending), labelled=True)[1]
    loading = LoadImaged(["image", "label"], reader="monai_attn.data.VolumeReader", ensure_channel_first=True)
    with caplog.at_level("INFO"):
        item = loading(case)
    assert caplog.text == ""
    for key, array in zip(("image", "label"), d.arrays(1), strict=True):
        np.testing.assert_array_equal(item[key].numpy(), array[None].astype(np.float32))
        np.testing.assert_allclose(item[key].affine.numpy(), d.AFFINE, atol=1e-5)


def test_channels_of_a_case_are_stacked(tmp_path):
    paths = [d.save_volume(tmp_path / f"a_{k:04d}.nrrd", d.arrays(k)[0]) for k in range(2)]
    loading = LoadImaged(["image"], reader="monai_attn.data.VolumeReader", ensure_channel_first=True)
    image = loading({"image": [str(path) for path in paths]})["image"]
    np.testing.assert_array_equal(image.numpy(), np.stack([d.arrays(k)[0] for k in range(2)]))
    paths[1] = d.save_volume(tmp_path / "a_0001.nii", d.arrays(1)[0])  # another format, the same place
    again = loading({"image": [str(path) for path in paths]})["image"]
    np.testing.assert_array_equal(image.numpy(), again.numpy())
    np.testing.assert_allclose(image.affine, again.affine, atol=1e-5)


@pytest.mark.parametrize("ending", [".nrrd", ".mgz"])
@pytest.mark.parametrize("fault", ["moved", "cut", "empty", "picture"])
def test_faults_of_such_files(tmp_path, ending, fault):
    root = pair(tmp_path, ending)
    path = root / "imagesTr" / f"case_1{ending}"
    if fault == "moved":
        d.save_volume(root / "labelsTr" / f"case_1{ending}", d.arrays(1)[1], d.moved(5) @ d.AFFINE)
    elif fault == "cut":
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    else:
        path.write_bytes(b"" if fault == "empty" else b"\xff\xd8\xff" + bytes(400))
    (error,) = check(root, progress=False).errors
    cure = "resample it onto that grid" if fault == "moved" else "replace the file"
    assert (error.case, cure in error.text) == ("case_1", True)
    assert f"case_1{ending}'" in error.text
    part = {"moved": "up to 5 mm", "empty": "it is empty", "picture": "it is a JPEG picture"}.get(fault, "")
    assert part in error.text


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (
            {"space": "scanner-xyz"},
            "lies in the space 'scanner-xyz', which does not say where left is: write",
        ),
        (
            {"space directions": None, "space": None, "space origin": None},
            "does not say where its voxels lie: w",
        ),
    ],
)
def test_nrrd_without_a_place_is_refused(tmp_path, header, message):
    root = pair(tmp_path, ".nrrd")
    array, old = nrrd.read(str(root / "imagesTr" / "case_1.nrrd"))
    kept = {key: value for key, value in {**old, **header}.items() if value is not None}
    nrrd.write(str(root / "imagesTr" / "case_1.nrrd"), array, kept)
    (error,) = check(root, progress=False).errors
    assert f"case_1.nrrd' {message}" in error.text


def test_nrrds_short_names_of_spaces_and_slices(tmp_path):
    lps = {"space": "LPS"}
    report = check(pair(tmp_path / "short", ".nrrd", **lps), progress=False)
    assert (report.findings, report.cases[0].orientation) == ([], "LSP")
    root = tmp_path / "slices"
    place = {"space": None, "space dimension": 2, "space directions": np.eye(2) * 2, "space origin": np.zeros(2)}
    for folder, array in zip(("images", "labels"), d.arrays(0), strict=True):
        (root / folder).mkdir(parents=True)
        kept = {key: value for key, value in place.items() if value is not None}
        for k in (3, 4):
            nrrd.write(str(root / folder / f"{k}.nrrd"), array[..., k], kept)
    report = check(root, progress=False)
    assert report.errors == []
    assert (report.cases[0].shape, report.cases[0].spacing_mm) == ((12, 14), (2.0, 2.0))


@pytest.mark.parametrize("ending", [".nrrd", ".mgz"])
@pytest.mark.parametrize("channels", [1, 3])
def test_results_lie_on_such_an_inputs_grid(tmp_path, ending, channels):
    source = d.save_volume(tmp_path / f"a{ending}", d.arrays(0)[0])
    maps = np.random.default_rng(0).integers(0, 3, (channels, *d.SHAPE)).astype(np.uint8)
    writer = InputGridWriter(output_dtype=np.uint8)
    writer.set_data_array(maps)
    writer.set_metadata({"filename_or_obj": str(source)})
    writer.write(tmp_path / "out.nii.gz")
    result = nib.load(tmp_path / "out.nii.gz")
    np.testing.assert_allclose(result.affine, d.AFFINE, atol=1e-5)
    np.testing.assert_array_equal(np.asarray(result.dataobj), maps[0] if channels == 1 else np.moveaxis(maps, 0, -1))
    assert result.header.get_xyzt_units()[0] == "mm"


def test_a_real_nrrd_pair(shared_data, tmp_path):
    image, label = (shared_data / "odd" / f"prostate_phantom{k}.nrrd" for k in ("", "_label"))
    for folder, source in (("images", image), ("labels", label)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "phantom.nrrd").write_bytes(source.read_bytes())
    report = check(tmp_path, num_classes=10, progress=False)
    (alone,) = report.errors
    assert alone.text.startswith("1 case(s) leave no fold")
    facts = report.cases[0]
    assert (facts.shape, facts.orientation, set(facts.label_voxels)) == ((82, 67, 13), "RAS", {0, 1, 7, 8, 9})
    assert facts.spacing_mm == pytest.approx((0.5, 0.5, 3))
    _, gaps = check(tmp_path, progress=False).errors
    assert gaps.text.endswith("write 0, 1, ... (7 -> 2, 8 -> 3, 9 -> 4)")


@pytest.mark.parametrize("ending", [".nii.gz", ".nrrd"])
def test_another_file_between_reading_and_taking_the_voxels_changes_nothing(tmp_path, ending):
    channels = [d.save_volume(tmp_path / f"a_{k}{ending}", d.arrays(k)[0]) for k in range(3)]
    reader = VolumeReader()
    opened = reader.read([str(path) for path in channels])
    reader.read(str(d.save_volume(tmp_path / f"label{ending}", d.arrays(0)[1])))  # as another thread does meanwhile
    array, _ = reader.get_data(opened)
    assert array.shape[0] == 3
    np.testing.assert_array_equal(array[2], d.arrays(2)[0])
