"""A second check reads no voxels, and sees what changed."""

import dataclasses
import os
import shutil

import damage as d
import numpy as np
import pytest

from monai_attn.data import check
from monai_attn.data.files._volumes import Volume


@pytest.fixture
def reads(monkeypatch):
    """Paths of the files whose voxels are read."""
    paths, read = [], Volume.voxels
    monkeypatch.setattr(Volume, "voxels", lambda self: paths.append(self.path) or read(self))
    return paths


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("MONAI_ATTN_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_the_second_check_reads_no_voxels_and_says_the_same(tmp_path, reads):
    root = d.dataset(tmp_path / "data")
    first = check(root, progress=False)
    assert len(reads) == len(set(reads)) == 12  # each file once
    reads.clear()
    assert check(root, progress=False) == first
    assert reads == []


def test_a_data_set_that_moved_is_known_and_named_anew(tmp_path, reads):
    first = check(d.dataset(tmp_path / "data"), progress=False)
    reads.clear()
    root = (tmp_path / "data").rename(tmp_path / "elsewhere")
    report = check(root, progress=False)
    assert reads == []
    assert [f.image for f in report.cases] == [[str(d.image(root, f"case_{k}"))] for k in range(6)]
    assert [f.label for f in report.cases] == [str(d.label(root, f"case_{k}")) for k in range(6)]
    without_paths = [[dataclasses.replace(f, image=[], label=None) for f in r.cases] for r in (first, report)]
    assert without_paths[0] == without_paths[1]


def test_a_changed_file_is_read_anew_even_with_its_old_time(tmp_path, reads):
    root = d.dataset(tmp_path / "data")
    check(root, progress=False)
    reads.clear()
    path, before = d.label(root), d.label(root).stat()
    d.edit(path, lambda v: np.where(v == 2, 1, v))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    report = check(root, progress=False)
    assert sorted(reads) == [str(d.image(root)), str(path)]
    assert set(report.cases[2].label_voxels) == {0, 1}


def test_errors_are_never_remembered(tmp_path, reads):
    root = d.dataset(tmp_path / "data", count=2)
    d.edit(d.label(root, "case_0"), lambda v: v / np.float32(2))
    assert [len(check(root, progress=False).errors) for _ in range(2)] == [1, 1]
    assert len(reads) == 6


def test_a_good_file_under_a_wrong_name_is_not_taken_for_the_good_one(tmp_path):
    root = d.dataset(tmp_path / "data", count=2)
    assert check(root, progress=False).status == 0
    d.image(root, "case_0").rename(root / "images" / "case_0.nii")
    (error,) = check(root, progress=False).errors
    assert "it is compressed, and should be called case_0.nii.gz" in error.text


def test_trusting_the_image_header_is_remembered_apart(tmp_path):
    root = d.dataset(tmp_path / "data", count=2)
    d.move(d.label(root, "case_0"), d.moved(9))
    states = [check(root, trust_image_header=trust, progress=False).status for trust in (True, False, True)]
    assert states == [0, 2, 0]


def test_the_cache_can_be_switched_off(tmp_path, reads, monkeypatch, cache):
    root = d.dataset(tmp_path / "data")
    monkeypatch.setenv("MONAI_ATTN_CACHE", "off")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    for _ in range(2):
        check(root, progress=False)
    assert len(reads) == 24
    assert not cache.exists()
    assert not (tmp_path / "home").exists()
    monkeypatch.delenv("MONAI_ATTN_CACHE")
    check(root, progress=False)
    assert len(list((tmp_path / "home" / "monai-attn" / "inspections").iterdir())) == 6


@pytest.mark.parametrize("spoil", ["a file in its place", "damaged entries"])
def test_a_cache_that_cannot_be_used_does_no_harm(tmp_path, reads, cache, spoil):
    root = d.dataset(tmp_path / "data")
    first = check(root, progress=False)
    if spoil == "damaged entries":
        for number, path in enumerate(cache.iterdir()):
            path.write_text(("", "{", "[]", '{"shape": 3}', '{"unknown": 1}', "null")[number])
    else:
        shutil.rmtree(cache)
        cache.write_text("")
    reads.clear()
    assert check(root, progress=False) == first
    assert len(reads) == 12


def test_a_full_disk_leaves_nothing_half_written(make_dataset, tmp_path, monkeypatch):
    monkeypatch.setenv("MONAI_ATTN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    assert not check(make_dataset(), progress=False).errors
    assert list((tmp_path / "cache").iterdir()) == []
