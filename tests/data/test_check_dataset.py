"""Errors and warnings that only show across cases."""

import json
import re
import shutil

import damage as d
import numpy as np
import pytest

from monai_attn.data import check


def swap_patient(root):
    d.write_folds(root, fold0=["case_1", "case_2"])
    d.write_patients(root, {f"case_{k}": "Ann" if k in (2, 3) else f"p{k}" for k in range(6)})


def listed_patient(root):
    entries = [
        {"image": f"images/case_{k}.nii.gz", "label": f"labels/case_{k}.nii.gz", "fold": k % 2, "patient": f"p{k // 2}"}
        for k in range(6)
    ]
    (root / "dataset.json").write_text(json.dumps({"training": entries}))


WHOLE = [
    (
        "a patient on both sides",
        swap_patient,
        r"patient 'Ann' is in .* of fold 0 \(cases 'case_2', 'case_3'\): write folds that keep",
    ),
    (
        "the same from a list",
        listed_patient,
        r"patient 'p0' is in training and in validation of fold 0 .*: write folds that keep",
    ),
    (
        "gaps",
        lambda r: [d.edit(d.label(r, f"case_{k}"), lambda v: v * 3) for k in range(6)],
        r"the label values \[0, 3, 6\] have gaps: write 0, 1, \.\.\. \(3 -> 1, 6 -> 2\)",
    ),
    (
        "no foreground",
        lambda r: [d.edit(d.label(r, f"case_{k}"), lambda v: v * 0) for k in range(6)],
        r"all labels are empty: check that they are the right files; classes are 1, 2",
    ),
]


@pytest.mark.parametrize(("spoil", "message"), [case[1:] for case in WHOLE], ids=[case[0] for case in WHOLE])
def test_faults_of_the_whole(tmp_path, spoil, message):
    root = d.dataset(tmp_path)
    spoil(root)
    report = check(root, progress=False)
    assert report.status == 2
    assert {finding.case for finding in report.errors} == {""}
    assert re.fullmatch(rf"{message}.*", report.errors[0].text), report.errors[0].text


def test_values_outside_the_classes_are_listed_with_a_remap(tmp_path):
    root = d.dataset(tmp_path)
    d.edit(d.label(root), lambda v: np.where(v == 2, 7, v))
    for name in ("case_0", "case_1", "case_3", "case_4", "case_5"):
        d.edit(d.label(root, name), lambda v: np.where(v == 2, 1, v))
    report = check(root, num_classes=3, progress=False)
    assert [finding.case for finding in report.errors] == ["case_2"]
    assert "case_2.nii.gz' has the values [7], but the classes are 0 to 2: remap them (7 -> 2)" in report.errors[0].text
    (root / "dataset.json").write_text(json.dumps({"labels": {"background": 0, "one": 1}}))  # or as the data say
    report = check(root, progress=False)
    assert "has the values [7], but the classes are 0 to 1: remap them, or" in report.errors[0].text


def test_what_would_not_fit_memory_is_told_in_gb(tmp_path):
    root = d.dataset(tmp_path)
    for path in (d.image(root), d.label(root)):
        d.move(path, np.diag([300, 300, 300, 1.0]))  # micrometres, say
    report = check(root, progress=False)  # 12 x 14 x 10 voxels become 45 billion, of 4 (1 + 2 * 3) bytes
    assert [finding.case for finding in report.errors] == ["case_2"]
    assert "resampled to 1 x 1 x 1 mm takes 1270 GB of " in report.errors[0].text
    assert report.errors[0].text.endswith("crop it, correct its spacing, or choose a coarser one")
    assert not check(root, progress=False, memory_gb=1271).errors


def test_wanted_channels_and_every_fault_at_once(tmp_path):
    root = d.dataset(tmp_path)
    d.image(root, "case_1").write_bytes(b"")
    d.edit(d.label(root), lambda v: v[:-1])
    report = check(root, in_channels=2, progress=False)
    assert [finding.case for finding in report.errors] == [f"case_{k}" for k in range(6)]
    assert "has 1 channel(s), but the network takes 2" in report.errors[0].text


@pytest.mark.parametrize("content", [None, "[]", '{"training": [{"image": "gone.nii"}]}'])
def test_nothing_to_check_is_an_error(tmp_path, content):
    if content:
        (tmp_path / "dataset.json").write_text(content)
    report = check(tmp_path / "" if content else tmp_path / "nowhere")
    assert report.status == 2
    assert not report.cases
    assert any(cure in report.errors[0].text for cure in ("a folder with", "write {", "correct them"))


def test_the_same_content_within_a_side_is_a_warning(tmp_path):
    root = d.dataset(tmp_path)
    d.write_folds(root, fold0=["case_5"])
    shutil.copy(d.image(root, "case_0"), d.image(root))
    report = check(root, progress=False)
    assert (report.status, [finding.case for finding in report.findings]) == (1, ["case_2"])
    assert "has the same content as case 'case_0': check that it is meant" in report.findings[0].text


WARNINGS = [
    (
        "one empty label",
        lambda r: d.edit(d.label(r), lambda v: v * 0),
        "case_2",
        r"label '.*case_2.*' is empty: check that",
    ),
    (
        "a rare class",
        lambda r: [d.edit(d.label(r, f"case_{k}"), lambda v: v % 2) for k in range(4)],
        "",
        r"class 2 is in 2 of 6 cases: add cases with it, or merge",
    ),
    (
        "spacing",
        lambda r: [d.move(p(r), np.diag([1, 1, 2.5, 1])) for p in (d.image, d.label)],
        "case_2",
        r"image '.*case_2.*': spacing 1 x 1 x 2\.5 mm is far from the median 1 x 1 x 1 mm: check",
    ),
    (
        "orientation",
        lambda r: [d.move(p(r), np.diag([-1, 1, 1, 1])) for p in (d.image, d.label)],
        "",
        r"orientations are mixed \(5 RAS, 1 LAS\): .*check that left and right are correct",
    ),
    (
        "scale",
        lambda r: d.edit(d.image(r), lambda v: v / 50),
        "case_2",
        r"image '.*case_2.*': intensities span \d.*, in the median case \d+: check that the unit is the same",
    ),
    (
        "constant",
        lambda r: d.edit(d.image(r), lambda v: v * 0 + 3),
        "case_2",
        r"image '.*case_2.*' is almost constant: check that it is the right file",
    ),
]


@pytest.mark.parametrize(("spoil", "case", "message"), [w[1:] for w in WARNINGS], ids=[w[0] for w in WARNINGS])
def test_warnings(tmp_path, spoil, case, message):
    root = d.dataset(tmp_path)
    assert check(root, progress=False).status == 0
    spoil(root)
    report = check(root, progress=False)
    assert (report.status, report.errors) == (1, [])
    assert [(finding.level, finding.case) for finding in report.findings] == [("warning", case)]
    assert re.fullmatch(rf"{message}.*", report.findings[0].text), report.findings[0].text


@pytest.mark.parametrize(
    "harmless",
    [
        lambda r: d.move(d.label(r), d.moved(5e-4)),
        lambda r: d.move(d.label(r), np.eye(4) + 1e-4 * np.eye(4, k=1) * (np.arange(4) < 3)[:, None]),
        lambda r: d.edit(d.label(r), lambda v: v[..., None]),
        lambda r: d.edit(d.label(r), lambda v: v + np.float32(5e-4)),
        lambda r: d.edit(d.image(r), lambda v: v[..., None]),
    ],
    ids=["0.5 um", "drift of 1e-4", "singleton label", "almost whole numbers", "singleton image"],
)
def test_what_passes(tmp_path, harmless):
    root = d.dataset(tmp_path)
    harmless(root)
    report = check(root, progress=False)
    assert report.findings == []
    assert report.cases[2].label_voxels == {0: 1680 - 64 - 36, 1: 64, 2: 36}


def test_patients_are_found_by_a_pattern_or_said_to_be_unchecked(tmp_path):
    root = d.dataset(tmp_path)
    d.write_folds(root, fold0=["case_0"])
    assert "patient is on both sides was not checked" in check(root, progress=False).notes[0]
    report = check(root, patient_regex="case", progress=False)
    assert not report.notes
    assert "patient 'case' is in training and in validation of fold 0" in report.errors[0].text
    report = check(root, patient_column="who", progress=False)
    assert "patient_column='who' is neither" in report.errors[0].text


def test_trusting_the_image_header_passes_any_affine_but_no_other_shape(tmp_path):
    root = d.dataset(tmp_path)
    d.move(d.label(root, "case_1"), d.moved(40))
    d.patch_header(d.label(root), d.SROW_Y, np.nan)
    d.edit(d.label(root, "case_3"), lambda v: v[1:])
    assert [f.case for f in check(root, progress=False).errors] == ["case_1", "case_2", "case_3"]
    assert [f.case for f in check(root, trust_image_header=True, progress=False).errors] == ["case_3"]
