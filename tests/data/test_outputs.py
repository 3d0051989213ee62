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
