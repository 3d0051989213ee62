"""Results have names of their own, are whole or not there, and hold what they must."""

import errno
import os
import signal
import subprocess
import sys
import time

import damage as d
import nibabel as nib
import numpy as np
import pytest
import torch
from conftest import save_nifti
from monai.data import MetaTensor
from monai.transforms import SaveImaged

from monai_attn._atomic_files import write_whole
from monai_attn.data import (
    AtomicSaveImaged,
    InputGridWriter,
    InputNameLayout,
    OutputError,
    find_cases,
    is_finished,
    label_dtype,
    remove_leftovers,
)

SLOW = """
import os, sys, time
import numpy as np
from monai_attn.data import InputGridWriter

def slow(_):
    print("writing", flush=True)
    time.sleep(60)

os.fsync = slow
writer = InputGridWriter(output_dtype="uint8")
writer.set_data_array(np.ones((1, 12, 14, 10)))
writer.set_metadata({"filename_or_obj": sys.argv[1]})
writer.write(sys.argv[2])
"""


def touch(_):
    """Write nothing."""


def named(*files, postfix="", **names) -> list[str]:
    cases = [{"case": names.get(file.replace("/", "_"), ""), "image": file} for file in files]
    layout = InputNameLayout("out", cases, postfix)
    return [layout.target(file).name for file in files]


@pytest.mark.parametrize(
    ("files", "results"),
    [
        (["a/s.nii.gz", "b/s.nii.gz"], ["a_s.nii.gz", "b_s.nii.gz"]),
        (["a/s.nii", "a/s.nii.gz"], ["s.nii", "s.nii.gz"]),
        (["1/x/s.nii", "2/x/s.nii", "s.nii.gz"], ["1_x_s.nii", "2_x_s.nii", "s.nii.gz"]),
        (["a/s.nrrd", "a/s.nii.gz", "a/t.mgz"], ["s_nrrd.nii.gz", "s_nii_gz.nii.gz", "t.nii.gz"]),
        (["a/s.nii", "b/s.nii", "c/a_s.nii"], None),
        (["a/s.nii", "b/S.nii"], ["a_s.nii", "b_S.nii"]),
        (["a_b/c/s.nii", "a/b_c/s.nii"], ["c_s.nii", "b_c_s.nii"]),
        (["a/s.nrrd", "b/s.nrrd", "b/s.mgz"], None),
    ],
)
def test_no_two_images_have_one_result(files, results):
    found = named(*files)
    assert len({name.lower() for name in found}) == len(files)
    assert results is None or found == results
    assert [name.replace("_p.", ".") for name in named(*files, postfix="p")] == found


def test_a_name_from_a_datalist_is_told_apart_as_well():
    assert named("a/1.nii", "b/2.nii", a_1_nii="x") == ["1.nii", "2.nii"]
    cases = [{"case": "x", "image": "a/1.nii"}, {"case": "x", "image": "b/2.nii"}]
    assert [InputNameLayout("out", cases).target(case["image"]).name for case in cases] == ["a_x.nii", "b_x.nii"]


@pytest.mark.parametrize(("classes", "dtype"), [(2, "uint8"), (256, "uint8"), (257, "uint16"), (70000, "uint32")])
def test_labels_fit(classes, dtype):
    assert label_dtype(classes) == dtype


@pytest.mark.parametrize("ending", [".nii", ".nii.gz"])
def test_a_writer_that_is_killed_leaves_nothing_under_the_name(tmp_path, ending):
    image, out = save_nifti(tmp_path / "in" / f"a{ending}", d.arrays(0)[0]), tmp_path / "out"
    out.mkdir()
    words = [sys.executable, "-c", SLOW, str(image), str(out / image.name)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "writing\n"
        process.send_signal(signal.SIGKILL)
    (leftover,) = out.iterdir()
    assert leftover.stat().st_size > 50
    assert list(out.glob("*.nii*")) == find_cases(out) == []
    remove_leftovers(out)
    assert leftover.exists()  # it could still be somebody's
    old = time.time() - 7200
    os.utime(leftover, (old, old))
    remove_leftovers(out)
    assert list(out.iterdir()) == []


@pytest.mark.parametrize("saver", [SaveImaged, AtomicSaveImaged])
def test_it_is_monais_saving_and_knows_why_it_failed(tmp_path, saver, monkeypatch):
    assert issubclass(saver, SaveImaged)  # which others look for, to leave it out
    path = str(save_nifti(tmp_path / "a.nii.gz", d.arrays(0)[0]))
    item = {"pred": MetaTensor(torch.ones(1, *d.SHAPE), meta={"filename_or_obj": path})}
    layout = InputNameLayout(tmp_path / "out")
    save = saver("pred", writer="monai_attn.data.InputGridWriter", folder_layout=layout, output_dtype="uint8")
    save(item)
    assert nib.load(tmp_path / "out" / "a.nii.gz").get_data_dtype() == np.uint8

    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError if saver is AtomicSaveImaged else RuntimeError, match="No space left"):
        save(item)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["a.nii.gz"]
    monkeypatch.undo()
    save(item)  # nothing of it is left


@pytest.mark.parametrize("error", [OSError("broken"), KeyboardInterrupt(), ZeroDivisionError()])
def test_what_was_there_stays_when_writing_fails(tmp_path, error):
    def write(file):
        file.write(b"half")
        raise error

    (tmp_path / "a.nii").write_bytes(b"before")
    with pytest.raises(OutputError if isinstance(error, OSError) else type(error)):
        write_whole(tmp_path / "a.nii", write)
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"before"]


def test_a_name_that_is_too_long_is_the_images_fault(tmp_path):
    with pytest.raises(ValueError, match="is too long for a file: rename"):
        write_whole(tmp_path / ("n" * 300), touch)
    write_whole(tmp_path / ("n" * 255), touch)


def test_a_file_that_is_written_has_the_usual_rights(tmp_path):
    write_whole(tmp_path / "a", touch)
    (tmp_path / "b").touch()
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "b").stat().st_mode


@pytest.mark.parametrize("ending", [".nii", ".nii.gz"])
def test_a_result_is_finished_when_it_is_whole_and_fits(tmp_path, ending):
    image = save_nifti(tmp_path / "in" / f"a{ending}", d.arrays(0)[0])
    result = tmp_path / f"a{ending}"
    assert not is_finished(result, image)
    save_nifti(result, d.arrays(0)[1])
    assert is_finished(result, image)
    content = result.read_bytes()
    middle = len(content) // 2
    for damaged in (b"", content[:middle], content[:-9], content[:middle] + b"odd!" + content[middle + 4 :]):
        result.write_bytes(damaged)
        if ending == ".nii.gz" or len(damaged) < len(content):  # without a checksum, only what is missing shows
            assert not is_finished(result, image)
    save_nifti(result, d.arrays(0)[1][:-1])
    assert not is_finished(result, image)
    save_nifti(result, d.arrays(0)[1], d.moved(3))
    assert not is_finished(result, image)
    maps = np.zeros((*d.SHAPE, 3), np.float32)
    nib.save(nib.Nifti1Image(maps, np.eye(4)), result)
    assert is_finished(result, image)


def written(source, maps, target):
    writer = InputGridWriter(output_dtype=maps.dtype)
    writer.set_data_array(maps)
    writer.set_metadata({"filename_or_obj": str(source)})
    writer.write(target)
    return nib.load(target)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("shape", [(4, 5, 6), (4, 5, 6, 1), (4, 5, 6, 2), (4, 5, 1), (4, 5)])
def test_results_have_their_inputs_grid_whatever_its_channels(tmp_path, shape, channels):
    source = save_nifti(tmp_path / "a.nii.gz", np.zeros(shape, np.float32), d.turned(30) @ np.diag([1, 2, 3, 1]))
    grid = shape[:3]
    maps = np.random.default_rng(0).integers(0, 9, (channels, *grid)).astype(np.uint8)
    result = written(source, maps, tmp_path / "out.nii.gz")
    plain = shape if len(shape) < 4 or shape[3] == 1 else grid
    assert result.shape == (plain if channels == 1 else (*(*grid, 1)[:3], channels))
    expected = maps[0].reshape(plain) if channels == 1 else np.moveaxis(maps, 0, -1).reshape(result.shape)
    np.testing.assert_array_equal(np.asarray(result.dataobj), expected)
    np.testing.assert_array_equal(result.affine, nib.load(source).affine)


@pytest.mark.parametrize("kind", [nib.Nifti1Image, nib.Nifti2Image])
def test_a_result_keeps_the_headers_place_and_nothing_of_its_intensities(tmp_path, kind):
    source = kind(np.arange(120, dtype=np.int16).reshape(4, 5, 6), d.turned(30))
    header = source.header
    header.set_sform(d.turned(30), 4)
    header.set_qform(d.turned(30) @ d.moved(0.2), 1)
    header.set_xyzt_units("mm", "sec")
    header["cal_min"], header["cal_max"], header["descrip"], header["intent_name"] = -160, 240, b"a CT", b"HU"
    header.extensions.append(nib.nifti1.Nifti1Extension("comment", b"a name"))
    header.set_slope_inter(2, -1024)
    nib.save(source, tmp_path / "a.nii")
    content = bytearray((tmp_path / "a.nii").read_bytes())
    result = written(tmp_path / "a.nii", np.full((1, 4, 5, 6), 7, np.uint8), tmp_path / "out.nii")
    assert np.all(np.asarray(result.dataobj) == 7)
    assert (type(result), result.get_data_dtype(), len(content) > 0) == (kind, np.uint8, True)
    for name in ("cal_min", "cal_max"):
        assert result.header[name] == 0  # a viewer would show the labels in the CT's window
    assert [bytes(result.header[name].tobytes()).strip(b"\0") for name in ("aux_file", "intent_name")] == [b"", b""]
    assert list(result.header.extensions) == []
    before = nib.load(tmp_path / "a.nii").header
    for name in ("sform_code", "qform_code", "xyzt_units", "srow_x", "srow_y", "srow_z", "quatern_b", "qoffset_x"):
        np.testing.assert_array_equal(result.header[name], before[name])
    assert (tmp_path / "out.nii").stat().st_size == (352 if kind is nib.Nifti1Image else 544) + 120
    assert is_finished(tmp_path / "out.nii", tmp_path / "a.nii")
