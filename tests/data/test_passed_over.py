"""Nothing that looks like an image is passed over in silence, and no result is taken for one."""

import logging
import os
import shutil

import nibabel as nib
import numpy as np
import pytest

from monai_attn.data import InputGridWriter, check, find_cases
from monai_attn.data import _passed_over as passed
from tests.conftest import save_nifti

IMAGE = np.zeros((4, 5, 6), np.float32)


@pytest.fixture(autouse=True)
def _nobody_was_told(monkeypatch):
    monkeypatch.setattr(passed, "_said", set())


def names(cases):
    return [case["case"] for case in cases]


def dicom(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(128) + b"DICM")


@pytest.mark.parametrize(
    ("files", "words"),
    [
        (["series/1.dcm", "series/2.DCM", "x/3.IMA"], "3 DICOM files in .*: convert them with dcm2niix"),
        (["series/0001", "series/0002"], "2 DICOM files"),
        (["series/1.2.840.1", "series/1.2.840.2", "series/1.2.840.3"], "3 DICOM files"),
        (["a.mha", "b/c.MHD"], r"2 MetaImage files \(.mha, .mhd\) in .*: convert them to NIfTI"),
        (["a.nii.bz2"], "1 NIfTI files in another archive"),
        (["a.mnc", "b.gipl"], "2 images in other formats"),
    ],
)
def test_files_that_nothing_reads_are_counted_once(tmp_path, caplog, files, words):
    save_nifti(tmp_path / "good.nii", IMAGE)
    for file in files:
        dicom(tmp_path / file)
    for _ in range(2):
        assert names(find_cases(tmp_path)) == ["good"]
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    import re

    assert re.match(words, record.getMessage())


def test_a_text_among_a_series_hides_and_adds_nothing(tmp_path, caplog):
    for name in ("0001", "0002", "0003"):
        dicom(tmp_path / "series" / name)
    for name in ("README", "000"):
        (tmp_path / "series" / name).write_text("words")
    find_cases(tmp_path)
    assert "3 DICOM files in" in caplog.text


def test_check_has_them_among_its_notes_and_nowhere_else(make_dataset, caplog):
    root = make_dataset()
    dicom(root / "raw" / "1.dcm")
    (note,) = [note for note in check(root, progress=False).notes if "DICOM" in note]
    assert note.startswith("1 DICOM files in ")
    assert "DICOM" not in caplog.text
    empty = root.parent / "empty"
    dicom(empty / "1.dcm")
    (note,) = check(empty, progress=False).notes
    assert note == f"1 DICOM files in '{empty}' were passed over: convert them with dcm2niix"


def test_nothing_is_said_of_other_files(make_dataset, caplog):
    root = make_dataset()
    for name in ("README", "notes.txt", "preview/case_0.png", ".hidden/1.dcm", "table.csv", "0001"):
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text("words")
    assert len(find_cases(root, labelled=True)) == 4
    assert not caplog.records


def test_images_in_folders_below_are_said_to_be_too_deep(make_dataset, caplog):
    root = make_dataset()
    for kind in ("imagesTr", "labelsTr"):
        (root / kind / "p1").mkdir()
        shutil.copy(root / kind / "case_0.nii.gz", root / kind / "p1" / "deep.NII.gz")
    assert len(find_cases(root, labelled=True)) == 4
    assert "1 image(s) in folders below 'imagesTr' were passed over: put them into it" in caplog.text


@pytest.mark.parametrize("name", ["scan.Nii", "scan.NII.GZ", "scan.nii.Gz", "scan.Hdr", "scan.NRRD", "scan.MGZ"])
def test_endings_in_any_case_are_read(tmp_path, name):
    (tmp_path / name).write_bytes(b"")
    assert names(find_cases(tmp_path)) == ["scan"]


def test_folders_behind_links_are_followed_and_loops_end(tmp_path):
    save_nifti(tmp_path / "disk" / "p1" / "scan.nii.gz", IMAGE)
    (tmp_path / "set").mkdir()
    os.symlink(tmp_path / "disk" / "p1", tmp_path / "set" / "p1")
    os.symlink(tmp_path / "set", tmp_path / "set" / "again")
    os.symlink(tmp_path / "disk", tmp_path / "disk" / "p1" / "up")
    assert [case["image"] for case in find_cases(tmp_path / "set")] == [str(tmp_path / "set" / "p1" / "scan.nii.gz")]


@pytest.fixture(params=["nii", "nii.gz", "NIfTI-2", "from MGZ"])
def result(request, tmp_path):
    """A label map as inference writes it, and where."""
    ending = {"NIfTI-2": "nii", "from MGZ": "mgz"}.get(request.param, request.param)
    kind = {"NIfTI-2": nib.Nifti2Image, "from MGZ": nib.MGHImage}.get(request.param, nib.Nifti1Image)
    source = tmp_path / "patients" / "p1" / f"scan.{ending}"
    source.parent.mkdir(parents=True)
    nib.save(kind(IMAGE, np.eye(4)), source)

    def write(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        writer = InputGridWriter(np.uint8)
        writer.set_data_array(IMAGE[None].astype(np.uint8))
        writer.set_metadata({"filename_or_obj": str(source)})
        writer.write(path)
        return path

    return write


def test_results_are_told_from_images_by_what_is_in_them(result, tmp_path):
    root, ending = tmp_path / "patients", ".nii.gz"
    for place in ("results", "p1", "."):
        written = result(root / place / f"p1_scan{ending}")
        assert passed.is_result(written)
        moved = written.rename(written.with_name(f"another name{ending}"))
        assert names(find_cases(root)) == ["scan"]
        moved.unlink()
    image = nib.load(result(root / "label.nii.gz"))
    assert bytes(image.header["descrip"]).startswith(passed.RESULT)


def test_corrected_results_may_be_labels(make_dataset):
    root = make_dataset()
    for label in (root / "labelsTr").iterdir():
        image = nib.load(label)
        image.header["descrip"] = passed.RESULT
        nib.save(nib.Nifti1Image(np.asarray(image.dataobj), None, image.header), label)
        assert passed.is_result(label)
    assert len([case for case in find_cases(root, labelled=True) if "label" in case]) == 4
