"""Files that vanish, are cut or exchanged while a training runs: the case is named, and nothing is learnt from them."""

import re
from pathlib import Path

import damage as d
import pytest
from monai.data import DataLoader
from monai.transforms import Compose, EnsureChannelFirstd, Lambdad, LoadImaged

from monai_attn.data import CheckedDataset, find_cases, prepare_training
from monai_attn.networks import NetworkShape

KEYS = ["image", "label"]
SHAPE = NetworkShape(spatial_dims=3, in_channels=1, out_channels=3)
LOADING = (LoadImaged(KEYS, reader="monai_attn.data.VolumeReader"), EnsureChannelFirstd(KEYS))

CHANGES = {
    "gone": (lambda r: d.image(r).unlink(), r"lacks '.*images/case_2\.nii\.gz': add that file"),
    "label gone": (lambda r: d.label(r).unlink(), r"lacks '.*labels/case_2\.nii\.gz': add that file"),
    "cut": (
        lambda r: d.image(r).write_bytes(d.image(r).read_bytes()[:3000]),
        r"'.*images/case_2\.nii\.gz' has damaged or missing voxels",
    ),
    "cut in its header": (
        lambda r: d.label(r).write_bytes(d.label(r).read_bytes()[:60]),
        r"'.*labels/case_2\.nii\.gz' cannot be read as NIfTI",
    ),
    "emptied": (lambda r: d.image(r).write_bytes(b""), r"'.*images/case_2\.nii\.gz' .*it is empty, 0 bytes"),
    "another grid": (lambda r: d.move(d.label(r), d.moved(9)), r"label '.*case_2\.nii\.gz' lies elsewhere than its"),
    "another shape": (
        lambda r: d.edit(d.label(r), lambda v: v[1:]),
        r"label '.*case_2\.nii\.gz' has shape \(11, ",
    ),
    "another class": (
        lambda r: d.edit(d.label(r), lambda v: v * 3),
        r"label '.*case_2\.nii\.gz' has the values \[3,",
    ),
}


def data(root: Path, *others, **options) -> CheckedDataset:
    return CheckedDataset(find_cases(root, labelled=True), Compose([*LOADING, *others]), SHAPE, **options)


@pytest.mark.parametrize(("change", "message"), CHANGES.values(), ids=CHANGES)
@pytest.mark.parametrize("prepared", ["alone", "as a training's"])
def test_a_change_behind_the_check_is_refused_with_case_and_file(tmp_path, change, message, prepared):
    dataset = data(d.dataset(tmp_path), cache_rate=0.0)
    if prepared == "alone":
        dataset.prepare()
    else:
        prepare_training(dataset, None)
    change(tmp_path)
    assert dataset[1]["image"].shape == (1, *d.SHAPE)
    with pytest.raises((ValueError, FileNotFoundError)) as caught:
        dataset[2]
    assert re.fullmatch(rf"case 'case_2' has changed since it was checked: .*{message}.*", str(caught.value))


def test_a_worker_names_the_case_too(tmp_path):
    dataset = data(d.dataset(tmp_path), cache_rate=0.0)
    dataset.prepare()
    CHANGES["another grid"][0](tmp_path)
    with pytest.raises(ValueError, match=r"case 'case_2' has changed since it was checked: label '.*' lies elsewhere"):
        list(DataLoader(dataset, num_workers=1))


@pytest.mark.parametrize("repeats", [1, 2])
def test_what_is_cached_needs_no_file_and_what_is_not_does(tmp_path, repeats):
    dataset = data(d.dataset(tmp_path), cache_rate=0.5, repeats=repeats)
    dataset.prepare()
    for k in (0, 5):
        d.image(tmp_path, f"case_{k}").unlink()
    assert dataset[0]["image"].shape == (1, *d.SHAPE)
    with pytest.raises(FileNotFoundError, match="case 'case_5' has changed since it was checked"):
        dataset[5]


def test_another_file_that_is_as_good_is_taken(tmp_path):
    dataset = data(d.dataset(tmp_path), cache_rate=0.0)
    dataset.prepare()
    before = float(dataset[2]["image"].mean())
    d.edit(d.image(tmp_path), lambda v: v + 1)
    assert float(dataset[2]["image"].mean()) == pytest.approx(before + 1, rel=1e-4)
    assert dataset.stamps["case_2"] != dataset.stamps["case_1"]


def fail(error):
    def apply(_):
        raise error

    return Lambdad("image", apply)


@pytest.mark.parametrize("cache_rate", [0.0, 1.0])
def test_a_transform_that_fails_is_named_with_its_case_and_memory_stays_memory(tmp_path, cache_rate):
    d.dataset(tmp_path, count=1)  # the thread that fills the cache has nothing left to do
    with pytest.raises(ValueError, match=r"^case 'case_0': it ends after 7 of 9 bytes$"):
        data(tmp_path, fail(EOFError("it ends after 7 of 9 bytes")), cache_rate=cache_rate, num_workers=1)[0]
    with pytest.raises(RuntimeError, match="applying transform") as caught:
        data(tmp_path, fail(OSError(28, "No space left on device")), cache_rate=cache_rate, num_workers=1)[0]
    assert "case_0" not in str(caught.value)
