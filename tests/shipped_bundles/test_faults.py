"""Faults of labelled data, met where a person meets them: by the check, and by the start of a training."""

import logging
import re

import damage as d
import numpy as np
import pytest
import torch
from conftest import save_nifti
from trainings import parser, start

from monai_attn import cli

LABEL, IMAGE = r"label '\S*/labels/case_2\.nii\.gz'", r"image '\S*/images/case_2\.nii\.gz'"
FILE = r"'\S*/images/case_2\.nii\.gz'"


@pytest.fixture
def refused(tmp_path, capsys):
    """Spoil a data set; check and training must say the same, in one line, and write nothing."""

    def call(spoil, message: str, count: int = 6) -> None:
        root = d.dataset(tmp_path / "data", count=count)
        spoil(root)
        before = sorted(root.rglob("*"))
        assert cli.main(["check", str(root), "--num_classes", "3"]) == 2
        errors = [line.partition("ERROR: ")[2] for line in capsys.readouterr().out.splitlines() if "ERROR: " in line]
        assert re.match(message, errors[0]), errors
        with pytest.raises((ValueError, FileNotFoundError), match=message) as caught:
            start(root)
        assert "\n" not in str(caught.value)
        assert sorted(root.rglob("*")) == before

    return call


def case(name, spoil, message):
    return pytest.param(spoil, message, id=name)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        case("shape", lambda r: d.edit(d.label(r), lambda v: v[:-1]), rf"{LABEL} has shape .*: give it one"),
        case("origin", lambda r: d.move(d.label(r), d.moved(7.5)), rf"{LABEL} lies elsewhere .*up to 7\.5 mm.*: resam"),
        case("direction", lambda r: d.move(d.label(r), d.turned(10)), rf"{LABEL} lies .*turned by 10 deg.*: res"),
        case(
            "spacing", lambda r: d.move(d.label(r), np.diag([2.0, 2, 2, 1])), rf"{LABEL} lies .*up to 19\.3 mm.*: resam"
        ),
        case("mirrored", lambda r: d.move(d.label(r), np.diag([-1.0, 1, 1, 1])), rf"{LABEL} lies .*by 180 deg.*: res"),
        case(
            "channels",
            lambda r: d.edit(d.image(r), lambda v: np.stack([v, v], -1)),
            r".* has 2 channel",
        ),
    ],
)
def test_image_and_label_that_do_not_fit_together(refused, spoil, message):
    refused(spoil, message)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        case("4D", lambda v: np.stack([v, v], -1), rf"{LABEL} has shape \(12, 14, 10, 2\).*: give it one"),
        case("0.5", lambda v: v / np.float32(2), rf"{LABEL} has the values \[0\.5\], .*not whole numbers: write"),
        case("-1", lambda v: v.astype(np.int16) - 1, rf"{LABEL} has the values \[-1\] below 0: write"),
        case("255", lambda v: np.where(v == 2, 255, v), rf"{LABEL} has the values \[255\], .* 0 to 2: remap them"),
        case("C", lambda v: np.where(v == 2, 3, v), rf"{LABEL} has the values \[3\], but the classes are 0 to 2: re"),
    ],
)
def test_label_values_that_are_no_classes(refused, spoil, message):
    refused(lambda root: d.edit(d.label(root), lambda v: np.asarray(spoil(v)).astype(spoil(v).dtype)), message)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        case("NaN", lambda r: d.edit(d.image(r), lambda v: v * np.nan), rf"{FILE} has 1680 voxel.* NaN.*: repl"),
        case("Inf", lambda r: d.edit(d.image(r), lambda v: v * np.inf), rf"{FILE} has 1680 voxel.* infinite: r"),
        case("RGB", lambda r: d.rgb(d.image(r)), rf"{FILE} has voxels of type .*not numbers: convert it"),
        case("spacing 0", lambda r: d.patch_header(d.image(r), d.PIXDIM_Y, 0), rf"{FILE} has the spacing 1 x 0 x 1"),
        case(
            "NaN affine",
            lambda r: d.patch_header(d.image(r), d.SROW_Y, np.nan),
            rf"{FILE} .*non-finite affine",
        ),
    ],
)
def test_images_without_numbers_or_place(refused, spoil, message):
    refused(spoil, message)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        case("cut", lambda p: p.write_bytes(p.read_bytes()[:3000]), rf"{FILE} has damaged .*: replace"),
        case("0 bytes", lambda p: p.write_bytes(b""), rf"{FILE} cannot be read as NIfTI \(it is empty, 0 bytes\): r"),
        case("web page", lambda p: p.write_text("<html>404</html>"), rf"{FILE} cannot .* \(it is a web page\): r"),
        case("web page in gz", lambda p: p.write_bytes(d.gzip.compress(b"<html>404</html>")), rf"{FILE} .*web page"),
        case("misnamed", lambda p: p.write_bytes(d.gzip.decompress(p.read_bytes())), rf"{FILE} .* be called \.nii\)"),
        case("twice", lambda p: save_nifti(p.with_suffix(""), d.arrays(8)[0]), r"case 'case_2' comes .*: rename"),
    ],
)
def test_files_that_are_not_what_they_should_be(refused, spoil, message):
    refused(lambda root: spoil(d.image(root)), message)


def test_a_missing_label_is_named_and_no_other_takes_its_place(refused):
    refused(lambda root: d.label(root).unlink(), rf"{IMAGE} has no label: add '\S*/labels/case_2\.nii\.gz', remove")


def test_no_folder_no_case_and_too_few_cases_are_three_messages(tmp_path, capsys):
    (tmp_path / "empty" / "images").mkdir(parents=True)
    d.dataset(tmp_path / "one", count=1)
    few = r"leave.* 0 case\(s\) for training and 1 for validation: add cases"
    for name, message, found in [
        (
            "gone",
            r"'\S*/gone' does not exist: (set `dataset_dir` to|pass) a folder with images and labels in imagesTr/",
            None,
        ),
        ("empty", r"'\S*/empty' holds no case \(\*\.nii\.gz, .*\): (set `dataset_dir` to|pass) ", None),
        ("one", few, r"1 case\(s\) leave no fold with some for training and some for validation: add cases"),
    ]:
        with pytest.raises((ValueError, FileNotFoundError), match=message):
            start(tmp_path / name)
        assert cli.main(["check", str(tmp_path / name)]) == 2
        assert re.search(rf"ERROR: .*{found or message}", capsys.readouterr().out)


def test_one_empty_label_is_a_warning_and_the_training_starts(tmp_path, capsys, caplog):
    root = d.dataset(tmp_path)
    d.edit(d.label(root), lambda v: v * 0)
    assert cli.main(["check", str(root)]) == 1
    message = rf"{LABEL} is empty: check that this is intended"
    assert re.search(f"warning: {message}", capsys.readouterr().out)
    with caplog.at_level(logging.WARNING, logger="monai_attn.data.checks"):
        start(root)
    assert re.search(message, caplog.text)


def test_validation_cases_without_foreground_stop_the_training(tmp_path):
    root = d.dataset(tmp_path)
    d.write_folds(root, a=["case_1", "case_2"])
    d.edit(d.label(root, "case_1"), lambda v: v * 0)
    start(root, fold="a")
    d.edit(d.label(root), lambda v: v * 0)
    with pytest.raises(
        ValueError, match=r"no label of the 2 validation case\(s\) of fold a has .*: pass another `fold`"
    ):
        start(root, fold="a")


def test_a_class_that_no_training_case_has_is_a_warning(tmp_path, caplog):
    root = d.dataset(tmp_path)
    d.write_folds(root, a=["case_1"])
    for path in (root / "labels").glob("*.nii.gz"):
        if path.name != "case_1.nii.gz":
            d.edit(path, lambda v: v * (v != 2))
    start(root, fold="a")
    assert "no training case of fold a has class 2, which cannot be learnt: pass another `fold`" in caplog.text


def test_images_smaller_than_the_patch_are_padded(tmp_path):
    root = d.dataset(tmp_path)
    for path in (*root.glob("images/*"), *root.glob("labels/*")):
        d.edit(path, lambda v: v[2:8, 2:8, 2:8])
    start(root)
    config = parser("train", root)
    item = config.get_parsed_content("train::preprocessing")(config.get_parsed_content("split::cases")[0])
    assert item["image"].shape == item["label"].shape == (1, *config["patch_size"])
    assert torch.isfinite(item["image"]).all()
