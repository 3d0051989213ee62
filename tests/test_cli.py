import re
import subprocess
import sys

import nibabel as nib
import numpy as np
import pytest
from conftest import SHIPPED

import monai_attn
from monai_attn import cli
from monai_attn.cli import _main as verbs
from monai_attn.demos import _brain as demo

LIGHT = """
import os, sys
before = set(sys.modules)
from monai_attn.cli import main
try:
    status = main(sys.argv[1:])
except SystemExit as end:
    status = end.code
packages = {name.partition(".")[0] for name in set(sys.modules) - before} - sys.stdlib_module_names
print(status, os.times().user + os.times().system, *sorted(packages))
"""


def test_version_and_usage(capsys):
    for arguments, status, text in (
        (["--version"], 0, monai_attn.__version__),
        ([], 2, "VERB"),
        (["dance"], 2, "dance"),
    ):
        with pytest.raises(SystemExit) as end:
            cli.main(arguments)
        assert end.value.code == status
        assert text in "".join(capsys.readouterr())


@pytest.mark.parametrize(
    ("arguments", "status", "text"),
    [
        (["--help"], 0, "segment both hippocampi"),
        (["--version"], 0, f"monai-attn {monai_attn.__version__}"),
        (["plan", "--help"], 0, "time budget for training on this machine, in hours"),
        (["list"], 0, SHIPPED[0].name),
        (["copy", SHIPPED[0].name, "copies"], 0, f"copied to copies/{SHIPPED[0].name}"),
        (["copy", "nothing", "."], 1, "error: bundle 'nothing' is not shipped: use one of"),
    ],
)
def test_what_only_handles_files_starts_within_a_second(tmp_path, arguments, status, text):
    done = subprocess.run(
        [sys.executable, "-c", LIGHT, *arguments], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    *lines, last = done.stdout.splitlines()
    assert text in " ".join(" ".join([*lines, done.stderr]).split())  # argparse breaks lines
    code, seconds, *packages = last.split()
    assert (int(code), packages) == (status, ["monai_attn"])  # not torch, monai, numpy, nibabel ...
    assert float(seconds) < 1  # of processor time, the interpreter's start included; measured: 0.05


def test_a_bundle_may_be_a_folder_or_a_name(capsys):
    assert cli.main(["render", "nothing"]) == 1
    assert re.search(
        r"error: bundle 'nothing' is not shipped: .*, or pass the folder of a bundle$", capsys.readouterr().err
    )
    for bundle in (SHIPPED[0].name, str(SHIPPED[0].root)):
        assert cli.main(["render", bundle, "--check"]) == 0
        assert "is up to date" in capsys.readouterr().out


def test_render_overwrites_what_was_edited_only_when_forced(bundle, capsys):
    config = bundle.root / "configs" / "resume.json"
    rendered = config.read_text()
    config.write_text(rendered.replace("{", '{"mine": 1,', 1))
    assert cli.main(["render", str(bundle.root)]) == 1
    assert "resume.json' was edited since it was rendered" in capsys.readouterr().err
    assert "mine" in config.read_text()
    assert cli.main(["render", str(bundle.root), "--force"]) == 0
    assert config.read_text() == rendered


def test_every_option_may_be_typed_with_dashes(capsys):
    for verb in ("check", "plan", "demo"):
        with pytest.raises(SystemExit):
            cli.main([verb, "--help"])
        text = capsys.readouterr().out
        options = set(re.findall(r"--[a-z_-]+", text))
        underscored = {option for option in options if "_" in option}
        assert underscored
        assert {option.replace("_", "-") for option in underscored} <= options


def test_what_nobody_foresaw_is_one_line_with_its_type(monkeypatch, capsys):
    monkeypatch.delenv("MONAI_ATTN_DEBUG", raising=False)
    monkeypatch.setattr(verbs, "list_bundles", lambda: 1 / 0)
    assert cli.main(["list"]) == 1
    assert re.fullmatch(r"error: ZeroDivisionError: .*MONAI_ATTN_DEBUG=1.*\n", capsys.readouterr().err)
    monkeypatch.setenv("MONAI_ATTN_DEBUG", "1")
    with pytest.raises(ZeroDivisionError):
        cli.main(["list"])


def test_ctrl_c_is_one_line(monkeypatch, capsys):
    def interrupt():
        raise KeyboardInterrupt

    monkeypatch.setattr(verbs, "list_bundles", interrupt)
    assert cli.main(["list"]) == 130
    assert capsys.readouterr().err == "\ninterrupted\n"


def test_demo_segments_a_real_brain_and_shows_it(command, tmp_path):
    done = command("monai_attn", "demo", "--output_dir", str(tmp_path / "out"), "--device", "cpu")
    assert done.returncode == 0, done.stderr
    for side in ("left", "right"):
        image = nib.load(tmp_path / "out" / "images" / f"{side}_hippocampus.nii.gz")
        labels = nib.load(tmp_path / "out" / "labels" / f"{side}_hippocampus.nii.gz")
        np.testing.assert_array_equal(labels.affine, image.affine)
        assert labels.shape == image.shape == demo.CROP_VOXELS
        centre = (np.linalg.inv(image.affine) @ (*demo.CENTRES_MM[side], 1))[:3]
        np.testing.assert_allclose(centre, np.array(image.shape) / 2, atol=1)
        values = np.asarray(labels.dataobj)
        # A healthy adult hippocampus has about 2 to 5 mL; its head lies before and below its body and tail.
        assert all(0.8 < np.count_nonzero(values == k) / 1000 < 3.5 for k in (1, 2))
        anterior, posterior = (np.argwhere(values == k).mean(0) for k in (1, 2))
        assert anterior[1] > posterior[1]
        assert anterior[2] < posterior[2]
        row = next(line for line in done.stdout.splitlines() if line.startswith(side))
        shown = [float(word) for word in row.split() if word[0].isdigit()]
        assert shown == pytest.approx([np.count_nonzero(values == k) / 1000 for k in (1, 2)], abs=0.005)
    assert "not a diagnosis" in done.stdout
    again = command("monai_attn", "demo", "--output_dir", str(tmp_path / "out"), "--device", "cpu")
    assert again.returncode == 0, again.stderr  # into its own folder it may write
    picture = tmp_path / "out" / "hippocampus.png"
    assert picture.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


@pytest.mark.parametrize("name", ["hippocampus.png", "labels/left_hippocampus.nii.gz", "images/mine.nii.gz"])
def test_demo_leaves_other_peoples_files_alone(capsys, tmp_path, name):
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("mine")
    assert cli.main(["demo", "--output_dir", str(tmp_path)]) == 1
    assert "not from the demo: use a new folder" in capsys.readouterr().err
    assert (tmp_path / name).read_text() == "mine"


def test_an_unusable_output_folder_is_one_line_with_the_cure(capsys, tmp_path):
    (tmp_path / "file").touch()
    assert cli.main(["demo", "--output_dir", str(tmp_path / "file")]) == 1
    assert "cannot be a folder" in capsys.readouterr().err


def test_a_device_that_is_not_there_is_one_line(capsys, tmp_path):
    assert cli.main(["demo", "--device", "cuda:99", "--output_dir", str(tmp_path / "out")]) == 1
    assert "error: device='cuda:99' cannot be used" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_missing_extra_is_one_line_with_the_cure(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(demo, "find_spec", lambda _: None)
    assert cli.main(["demo", "--output_dir", str(tmp_path / "out")]) == 1
    assert capsys.readouterr().err.splitlines() == [
        "error: nilearn, which contains the template, is not installed: pip install 'monai-attn[demo]'"
    ]
    assert not (tmp_path / "out").exists()


def test_demo_goes_all_the_way_on_generated_data(tmp_path):
    """In a process of its own, because MONAI's logging keeps whatever stream it began with."""
    brief = (
        "import sys; from monai_attn import cli; from monai_attn.demos import _training as d; d.HOURS = 0.002; "
        "sys.exit(cli.main(sys.argv[1:]))"
    )
    arguments = [sys.executable, "-c", brief, "demo", "--train", "--output_dir", "out", "--device", "cpu"]
    done = subprocess.run(arguments, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    for verb in ("check", "plan", "train.json", "evaluate.json", "inference.json"):
        assert any(verb in line for line in done.stdout.splitlines() if line.startswith("$ ")), verb
    assert "0 error(s), 0 warning(s)" in done.stdout
    labels = [nib.load(path) for path in sorted((tmp_path / "out" / "labels").iterdir())]
    assert [label.shape for label in labels] == [(56, 48, 24)] * 2
    assert "mean 0." in done.stdout
    again = subprocess.run(arguments, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert again.returncode == 1
    assert "contains 'data' already" in again.stderr.splitlines()[-1]
