"""Each error that a check knows, in a file that has it: which case, what, and the cure."""

import json
import re

import damage as d
import numpy as np
import pytest
from conftest import save_nifti

from monai_attn.data import check


def twins(root):
    d.write_folds(root, fold0=["case_2"])
    save_nifti(d.image(root), d.values(d.image(root, "case_0")).astype(np.float64))  # the same, stored otherwise


def list_missing_file(root):
    entries = [{"image": f"images/case_{k}.nii.gz", "label": f"labels/case_{k}.nii.gz"} for k in range(6)]
    entries[2]["label"] = "labels/gone.nii.gz"
    (root / "dataset.json").write_text(json.dumps({"training": entries}))


def half_channel(root):
    save_nifti(d.image(root), np.stack([d.arrays(2)[0], d.arrays(9)[0]], -1))


IMAGE, LABEL = r"image '.*/images/case_2\.nii\.gz'", r"label '.*/labels/case_2\.nii\.gz'"
FILE = r"'.*/(images|labels)/case_2\.nii\.gz'"
ALL = [
    (
        "another shape",
        lambda r: d.edit(d.label(r), lambda v: v[:-1]),
        rf"{LABEL} has shape \(11, 14, 10\), but its image .*: give it one channel on that grid",
    ),
    (
        "moved",
        lambda r: d.move(d.label(r), d.moved(7.5)),
        rf"{LABEL} lies elsewhere .*up to 7\.5 mm apart, turned by 0 deg.*\): resample it .* `trust_image_header`",
    ),
    (
        "turned",
        lambda r: d.move(d.label(r), d.turned(10)),
        rf"{LABEL} lies elsewhere .* turned by 10 degrees\): resample it",
    ),
    ("drift above rounding", lambda r: d.move(d.label(r), d.moved(2e-3)), rf"{LABEL} lies elsewhere .*up to 0\.002 mm"),
    (
        "4D label",
        lambda r: d.edit(d.label(r), lambda v: np.stack([v, v], -1)),
        rf"{LABEL} has shape \(12, 14, 10, 2\).*: give it one channel on that grid",
    ),
    (
        "5 axes",
        lambda r: d.edit(d.image(r), lambda v: v[..., None, None]),
        rf"{FILE} of shape \(12, 14, 10, 1, 1\) has 5 axes.*: convert it",
    ),
    ("channels", half_channel, rf"{IMAGE} has 2 channel\(s\), but most cases have 1: add the missing ones"),
    (
        "a slice",
        lambda r: [d.edit(p(r), lambda v: v[..., 4]) for p in (d.image, d.label)],
        rf"{IMAGE} of shape \(12, 14\) is a slice, but most others are volumes: convert it",
    ),
    (
        "halves",
        lambda r: d.edit(d.label(r), lambda v: v / np.float32(2)),
        rf"{LABEL} has the values \[0\.5\], .* not whole numbers: write the classes 0, 1",
    ),
    (
        "a hundredth",
        lambda r: d.edit(d.label(r), lambda v: v + np.float32(0.002)),
        rf"{LABEL} has the values \[0\.002.*which are not whole numbers",
    ),
    (
        "negative",
        lambda r: d.edit(d.label(r), lambda v: v.astype(np.int16) - 1),
        rf"{LABEL} has the values \[-1\] below 0: write the classes 0, 1",
    ),
    (
        "NaN in label",
        lambda r: d.edit(d.label(r), lambda v: np.where(v == 2, np.nan, v).astype(np.float32)),
        rf"{LABEL} has 36 voxel\(s\) that are NaN or infinite: write the classes",
    ),
    (
        "NaN",
        lambda r: d.edit(d.image(r), lambda v: np.where(v > 200, np.nan, v)),
        rf"{FILE} has \d+ voxel\(s\) that are NaN or infinite: replace them",
    ),
    (
        "infinite",
        lambda r: d.edit(d.image(r), lambda v: np.where(v > 200, np.inf, v)),
        rf"{FILE} has \d+ voxel\(s\) that are NaN or infinite: replace them",
    ),
    (
        "only NaN",
        lambda r: d.edit(d.image(r), lambda v: v * np.nan),
        rf"{FILE} has 1680 voxel\(s\) that are NaN or infinite: replace them",
    ),
    (
        "NaN affine",
        lambda r: d.patch_header(d.image(r), d.SROW_Y, np.nan),
        rf"{FILE} has the singular or non-finite affine .*nan.*: correct its header",
    ),
    (
        "degenerate affine",
        lambda r: d.patch_header(d.image(r), d.SROW_Y, 0),
        rf"{FILE} has the singular or non-finite affine .*: correct its header",
    ),
    (
        "label's affine",
        lambda r: d.patch_header(d.label(r), d.SROW_Y, 0),
        rf"{FILE} has the singular or non-finite affine .*: correct its header",
    ),
    (
        "zero spacing",
        lambda r: d.patch_header(d.image(r), d.PIXDIM_Y, 0),
        rf"{FILE} has the spacing 1 x 0 x 1 mm in its header: write the true",
    ),
    (
        "NaN spacing",
        lambda r: d.patch_header(d.label(r), d.PIXDIM_Y, np.nan),
        rf"{FILE} has the spacing 1 x nan x 1 mm in its header: write the true one",
    ),
    ("RGB", lambda r: d.rgb(d.image(r)), rf"{FILE} has voxels of type .*not numbers: convert it to one number a voxel"),
    (
        "RGB label",
        lambda r: d.rgb(d.label(r)),
        rf"{FILE} has voxels of type .*not numbers: convert it to one number a voxel",
    ),
    (
        "zero bytes",
        lambda r: d.image(r).write_bytes(b""),
        rf"{FILE} cannot be read as NIfTI \(it is empty, 0 bytes\): replace the file",
    ),
    (
        "truncated",
        lambda r: d.image(r).write_bytes(d.image(r).read_bytes()[:3000]),
        rf"{FILE} has damaged or missing voxels \(.*\): replace the file",
    ),
    (
        "JPEG",
        lambda r: d.image(r).write_bytes(b"\xff\xd8\xff\xe0\0\x10JFIF" + b"\0" * 500),
        rf"{FILE} cannot be read as NIfTI \(it is a JPEG picture\): replace the file",
    ),
    ("text", lambda r: d.label(r).write_text("not found"), rf"{FILE} cannot be read as NIfTI \(.+\): replace the file"),
    (
        "not compressed",
        lambda r: d.image(r).write_bytes(d.gzip.decompress(d.image(r).read_bytes())),
        rf"{FILE} cannot be read as NIfTI \(it is not compressed, and should be called \.nii\)",
    ),
    (
        "no label",
        lambda r: d.label(r).unlink(),
        rf"{IMAGE} has no label: add '.*/labels/case_2\.nii\.gz', remove the image",
    ),
    (
        "a listed file is gone",
        list_missing_file,
        r"case 'case_2' lacks '.*/labels/gone\.nii\.gz': add that file or remove the case",
    ),
    (
        "one id twice",
        lambda r: save_nifti(r / "images" / "case_2.nii", d.arrays(8)[0]),
        r"case 'case_2' comes from two files, .*: rename or remove one",
    ),
    (
        "the same content",
        twins,
        rf"{IMAGE} has the same content as case 'case_0', in training and in validation of fold 0: remove",
    ),
]


@pytest.mark.parametrize(("spoil", "message"), [case[1:] for case in ALL], ids=[case[0] for case in ALL])
def test_the_case_is_named_with_its_fault_and_cure(tmp_path, spoil, message):
    root = d.dataset(tmp_path)
    assert check(root, progress=False).status == 0
    spoil(root)
    report = check(root, progress=False)
    assert report.status == 2
    assert [finding.case for finding in report.errors] == ["case_2"]
    assert len(report.cases) == 7 if "two files" in message else 6
    text = report.errors[0].text
    assert "\n" not in text
    assert re.fullmatch(rf"{message}.*", text), text
    assert text in report.table()
