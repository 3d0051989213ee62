"""Each file is read once, and where a header will do, only that: counted in bytes that the process reads."""

from pathlib import Path

import nibabel as nib
import nrrd
import numpy as np
import pytest
from conftest import BUNDLES, Bundle

from monai_attn.data import VolumeReader, check, digest_cases, find_cases
from monai_attn.data.checks import image_problem

COUNTER = Path("/proc/self/io")
SHAPE = (70, 60, 50)
HEADERS = 150_000  # bytes that a header may take: gzip reads 128 KiB at once on Python 3.12 and later
ENDINGS = [".nii", ".nii.gz", ".hdr", ".nrrd", ".nhdr", ".mgz"]


@pytest.fixture
def bytes_read():
    """Call something, and say how many bytes all threads of this process read meanwhile."""
    if not COUNTER.is_file():
        pytest.skip(f"{COUNTER}, which counts what a process reads, is not on this system")

    def count() -> int:
        return int(COUNTER.read_text().split()[1])

    def call(function, *arguments, **options) -> int:
        own = -count() + count()
        before = count()
        function(*arguments, **options)
        return count() - before - own

    return call


def save(path, seed, shape=SHAPE, dtype=np.float32):
    """Noise, which cannot be packed to less than it is; returns the size of all its files."""
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).integers(0, 2**23, shape)
    array = (noise % 3).astype(np.uint8) if dtype == np.uint8 else noise.astype(dtype)
    if path.suffix in (".nrrd", ".nhdr"):
        place = {"space": "RAS", "space directions": np.eye(3), "space origin": np.zeros(3)}
        nrrd.write(str(path), array, place, detached_header=path.suffix == ".nhdr")
    elif path.suffix == ".mgz":
        nib.save(nib.MGHImage(array, np.eye(4)), path)
    else:
        nib.save((nib.Nifti1Pair if path.suffix == ".hdr" else nib.Nifti1Image)(array, np.eye(4)), path)
    return sum(file.stat().st_size for file in path.parent.glob(f"{path.name.split('.')[0]}.*"))


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_check_reads_each_file_once_and_its_digest_is_known_then(tmp_path, bytes_read, ending, monkeypatch):
    images = sum(save(tmp_path / "images" / f"c{k}{ending}", k) for k in range(3))
    labels = sum(save(tmp_path / "labels" / f"c{k}{ending}", 10 + k, dtype=np.uint8) for k in range(3))
    cases = find_cases(tmp_path, labelled=True)
    assert len(cases) == 3
    assert [f for f in check(tmp_path, progress=False).errors if f.case] == []
    monkeypatch.setenv("MONAI_ATTN_CACHE", str(tmp_path / "another"))
    first = bytes_read(check, tmp_path, progress=False)
    assert images + labels <= first < 1.02 * (images + labels) + 6 * HEADERS
    assert bytes_read(digest_cases, cases) < 6 * HEADERS
    assert bytes_read(check, tmp_path, progress=False) < 1.02 * (images + labels) + 6 * HEADERS


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_header_is_read_without_voxels_and_the_voxels_once(tmp_path, bytes_read, ending):
    size = save(tmp_path / f"a{ending}", 0)
    path, reader = str(tmp_path / f"a{ending}"), VolumeReader()
    assert size > 500_000
    assert bytes_read(image_problem, {"case": "a", "image": path}, 1, 3) < 2 * HEADERS
    assert size * 0.99 < bytes_read(reader.get_data, reader.read(path)) < 1.02 * size + HEADERS


def test_inference_reads_each_image_once(tmp_path, bytes_read, monkeypatch):
    monkeypatch.setenv("MONAI_ATTN_CACHE", str(tmp_path / "cache"))
    bundle = Bundle(BUNDLES / "hippocampus_mri_attn_segmentation")

    def segment(name, side):
        size = save(tmp_path / name / "a.nii", 0, (side, side, side))
        where = {"dataset_dir": str(tmp_path / name), "output_dir": str(tmp_path / f"{name}_out"), "device": "cpu"}
        return size, bytes_read(bundle.run, "inference", **where)

    segment("first", 20)  # imports, and whatever else comes once
    (small, some), (large, more) = segment("small", 20), segment("large", 60)
    assert (more - some) / (large - small) == pytest.approx(1, abs=0.05)
    assert (tmp_path / "large_out" / "a.nii").is_file()
    assert not (tmp_path / "cache").exists()
