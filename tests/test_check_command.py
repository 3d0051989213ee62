"""`monai-attn check` at the terminal."""

import json

import damage as d
import nibabel as nib
import numpy as np
import pytest

from monai_attn import cli, data
from monai_attn.data import check

NAMES = ["plain", "with space", "größe ü 数", "[brackets] (1)", "a,b", "2024"]


@pytest.mark.parametrize("name", NAMES)
def test_any_path_and_any_case_name_just_works(tmp_path, capsys, name):
    root = d.dataset(tmp_path / name, count=2)
    for folder in ("images", "labels"):
        (root / folder / "case_1.nii.gz").rename(root / folder / f"{name}.nii.gz")
    assert cli.main(["check", str(root)]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[0].split() == ["case", "shape", "spacing", "mm", "axes", "channels", "labels"]
    rows = [line for line in out[1:] if line.endswith("  ok")]
    assert [row.split("  ")[0] for row in sorted(rows)] == sorted(["case_0", name])
    assert all(row.split()[-6:] == ["12x14x10", "1x1x1", "RAS", "1", "0,1,2", "ok"] for row in rows)
    assert out[-1] == "2 case(s), 0 error(s), 0 warning(s)"


def test_status_and_table_with_a_warning_and_an_error(tmp_path, capsys):
    root = d.dataset(tmp_path / "data")
    d.edit(d.label(root), lambda v: v * 0)
    assert cli.main(["check", str(root)]) == 1
    assert "\n    warning: label '" in capsys.readouterr().out
    d.image(root, "case_4").write_bytes(b"")
    d.label(root, "case_5").unlink()
    assert cli.main(["check", str(root)]) == 2
    out = capsys.readouterr().out.splitlines()
    lines = {line.split()[0]: k for k, line in enumerate(out) if line.startswith("case_")}
    assert [out[lines[f"case_{k}"]].split()[-1] for k in range(6)] == ["ok", "ok", "warning", "ok", "ERROR", "ERROR"]
    assert out[lines["case_4"] + 1].startswith("    ERROR: '")
    assert "it is empty, 0 bytes" in out[lines["case_4"] + 1]
    assert "has no label: add '" in out[lines["case_5"] + 1]
    assert out[-1] == "6 case(s), 2 error(s), 1 warning(s)"


def test_json_has_every_case_and_finding(tmp_path, capsys):
    root = d.dataset(tmp_path / "data")
    d.edit(d.image(root, "case_0"), lambda v: v * np.nan)
    d.label(root, "case_5").unlink()
    assert cli.main(["check", str(root), "--json"]) == 2

    def refuse(constant):
        raise AssertionError(constant)

    content = json.loads(capsys.readouterr().out, parse_constant=refuse)  # no NaN, which JSON does not have
    assert content["status"] == 2
    assert [case["case"] for case in content["cases"]] == [f"case_{k}" for k in range(6)]
    assert content["cases"][1]["label_voxels"] == {"0": 1580, "1": 64, "2": 36}
    assert [(f["level"], f["case"]) for f in content["findings"]] == [("error", "case_0"), ("error", "case_5")]
    assert "not checked" in content["notes"][0]


def test_options_reach_the_check(tmp_path, capsys):
    root = d.dataset(tmp_path / "data")
    for name in ("case_2", "case_3"):
        d.move(d.label(root, name), d.moved(3))
    d.write_folds(root, fold0=["case_0"])
    assert cli.main(["check", str(root)]) == 2
    assert cli.main(["check", str(root), "--trust-image-header"]) == 0
    assert cli.main(["check", str(root), "--trust_image_header", "--num-classes", "2"]) == 2
    assert cli.main(["check", str(root), "--trust-image-header", "--in-channels", "2"]) == 2
    assert cli.main(["check", str(root), "--trust-image-header", "--memory-gb", "1e-9"]) == 2
    assert cli.main(["check", str(root), "--trust-image-header", "--patient-regex", "case"]) == 2
    capsys.readouterr()


def test_channels_by_their_names_and_one_of_them_missing(tmp_path, capsys):
    root = d.dataset(tmp_path / "data", count=3)
    for k in range(3):
        path = d.image(root, f"case_{k}")
        nib.save(nib.Nifti1Image(d.arrays(10 + k)[0], np.eye(4)), path.with_name(f"case_{k}_T2.nii.gz"))
        path.rename(path.with_name(f"case_{k}_T1.nii.gz"))
    assert cli.main(["check", str(root)]) == 0
    assert cli.main(["check", str(root), "--channel_names", "T2", "T1"]) == 0
    assert check(root, channel_names=["T2", "T1"]).cases[0].image[0].endswith("case_0_T2.nii.gz")
    (root / "images" / "case_1_T2.nii.gz").unlink()
    capsys.readouterr()
    assert cli.main(["check", str(root)]) == 2
    assert "ERROR: case 'case_1' lacks '" in capsys.readouterr().out


def test_a_folder_that_is_not_there_is_an_error_with_status_2(tmp_path, command):
    done = command("monai_attn", "check", str(tmp_path / "nowhere"))
    assert done.returncode == 2
    assert "nowhere' does not exist: pass a folder with" in done.stdout
    assert "Traceback" not in done.stderr


def test_what_nobody_foresaw_is_no_warning(monkeypatch, capsys):
    monkeypatch.delenv("MONAI_ATTN_DEBUG", raising=False)
    monkeypatch.setattr(data, "check", lambda *_, **__: 1 / 0)
    assert cli.main(["check", "x"]) == 2
    assert "ZeroDivisionError" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "count", "channels", "labels", "findings"),
    [
        ("Task04_Hippocampus", 172, 1, {0, 1, 2}, {"intensities span"}),
        ("HeadNeckCT", 54, 1, {0, 1, 2, 3, 4, 5}, set()),
        ("SunnybrookLV_2d", 526, 1, {0, 1}, set()),
        ("OpenMS_4ch", 3, 4, {0, 1}, set()),
    ],
)
def test_real_data_have_no_errors(shared_data, name, count, channels, labels, findings):
    report = check(shared_data / name)
    assert (len(report.cases), report.errors) == (count, [])
    assert {f.channels for f in report.cases} == {channels}
    assert set().union(*(f.label_voxels for f in report.cases)) == labels
    assert {text for text in findings if any(text in f.text for f in report.findings)} == findings
    assert report.status == bool(findings)
