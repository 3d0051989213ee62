"""The printed report and the log: one line for what many cases have in common, and no line without end."""

import json

import damage as d
import numpy as np
import pytest

from monai_attn.data import DataReport, Finding, check, require_cases
from monai_attn.data.checks import why_empty
from monai_attn.data.checks._cases import log_warnings

COMMON = [
    (lambda r, k: d.label(r, f"case_{k}").unlink(), "ERROR", "image '.*case_0.nii.gz' has no label: add '"),
    (lambda r, k: d.edit(d.image(r, f"case_{k}"), lambda v: np.where(v > 150 + k, np.nan, v)), "ERROR", "that are NaN"),
    (lambda r, k: d.edit(d.label(r, f"case_{k}"), lambda v: v * 0), "warning", "is empty: check that this is intended"),
    (lambda r, k: d.edit(d.image(r, f"case_{k}"), lambda v: v / (50 + k)), "warning", "intensities span"),
]


@pytest.mark.parametrize(("spoil", "level", "text"), COMMON, ids=["no label", "NaN", "empty", "intensities"])
def test_what_many_cases_have_in_common_is_printed_once_with_their_number(tmp_path, spoil, level, text):
    root = d.dataset(tmp_path, count=16)
    for k in range(7):
        spoil(root, k)
    report = check(root, progress=False)
    table = report.table().splitlines()
    lines = [line for line in table if line.lstrip().startswith(("ERROR: ", "warning: "))]
    assert len(lines) == 1
    assert lines[0].startswith(f"{level}: in 7 cases, e.g. 'case_0', 'case_1', 'case_2', ")
    assert text.split("'")[-1] in lines[0]
    assert lines[0].count("'case_") < 7
    assert sum(line.split()[-1] == level for line in table if line.startswith("case_")) == 7
    assert sorted(finding.case for finding in report.findings) == [f"case_{k}" for k in range(7)]  # each for itself


def test_few_of_a_kind_stand_below_their_cases_and_other_kinds_apart(tmp_path):
    root = d.dataset(tmp_path)
    for k in range(2):
        d.move(d.label(root, f"case_{k}"), d.moved(3 + k))
    d.edit(d.label(root), lambda v: v[:-1])
    table = check(root, progress=False).table().splitlines()
    for case, fault in (("case_0", "up to 3 mm"), ("case_1", "up to 4 mm"), ("case_2", "has shape (11, 14, 10)")):
        row = next(k for k, line in enumerate(table) if line.startswith(case))
        assert table[row + 1].startswith("    ERROR: label '")
        assert fault in table[row + 1]


def test_classes_stay_apart_and_patients_do_not(tmp_path):
    root = d.dataset(tmp_path, count=8)
    for k in range(1, 8):
        d.edit(d.label(root, f"case_{k}"), lambda v: np.uint8(5) * (v > 0))
    d.write_folds(root, fold0=[f"case_{k}" for k in range(0, 8, 2)])
    d.write_patients(root, {f"case_{k}": f"p{k // 2}" for k in range(8)})
    table = check(root, num_classes=6, progress=False).table()
    assert table.count(" of 8 cases: add cases with it") == 4  # classes 1 to 4
    assert table.count("patient 'p") == 1
    assert "keep the cases of a patient together (and 3 more of this kind)" in table


def test_findings_of_cases_without_a_row_are_shown(tmp_path):
    report = DataReport(str(tmp_path), [], [Finding("error", "gone", "'gone' is not there")])
    assert "ERROR: 'gone' is not there" in report.table()


def test_the_log_has_a_line_for_each_of_five_kinds_and_the_number_of_the_others(caplog, tmp_path):
    texts = [f"{'very ' * kind}odd: look" for kind in range(7)]
    log_warnings([Finding("warning", f"c{k}", f"image 'c{k}' {text}") for text in texts for k in range(3)], tmp_path)
    messages = [record.getMessage() for record in caplog.records]
    assert messages[0] == "in 3 cases, e.g. 'c0', 'c1', 'c2': image 'c0' odd: look"
    assert len(messages) == 6
    assert messages[5].startswith("and 6 warning(s) more: monai-attn check ")


def test_many_values_are_cut(tmp_path):
    root = d.dataset(tmp_path)
    d.edit(d.label(root), lambda v: np.arange(v.size, dtype=np.int16).reshape(v.shape))
    report = check(root, progress=False)
    assert all(len(line) < 200 for line in report.table().splitlines() if line.startswith("case_"))
    assert "0,1,2,3,4,5,6,7,...,1679" in report.table()
    d.edit(d.label(root), lambda v: v * 2)
    assert (
        "label values [0, 1, 2, 4, 6, ...] have gaps: write 0, 1, ... (4 -> 3, 6 -> 4, 8 -> 5, " in check(root).table()
    )
    report = check(root, num_classes=3, progress=False)
    assert "has the values [4, 6, 8, 10, 12, ...], but the classes are 0 to 2" in report.table()


@pytest.mark.parametrize(
    ("files", "content", "message"),
    [
        (["a.nii.gz", "b.nii"], None, r"holds 2 image(s), such as '{root}/a.nii.gz', but none where labels are looked"),
        (["p1/ct.nrrd"], None, r"holds 1 image(s), such as '{root}/p1/ct.nrrd', but none where labels are looked for"),
        (["a.nii"], {"test": ["a.nii"]}, r"lists '{root}/a.nii' and perhaps more, but nothing under 'training' or"),
        (["labelsTr/a.nii"], None, r"holds no case (*.nii.gz, "),
        (["readme.txt"], None, r"holds no case (*.nii.gz, "),
        ([], {"training": [{"image": "gone.nii", "label": "gone_too.nii"}]}, r"lists no case whose files are here"),
    ],
)
def test_why_there_is_no_case_is_told_apart(tmp_path, files, content, message):
    d.touch(tmp_path, *files)
    if content:
        (tmp_path / "dataset.json").write_text(json.dumps(content))
    text = why_empty(tmp_path, labelled=True)
    assert message.format(root=tmp_path) in text
    assert content or "a folder with images and labels in imagesTr/ with labelsTr/" in text
    with pytest.raises(FileNotFoundError) as caught:
        require_cases([], tmp_path, 1, 3, num_classes=2)
    assert str(caught.value) == text
