import os
import signal
import subprocess
import sys

import pytest

from monai_attn.bundle import bundle_dir, check_output_dir, compute_device
from monai_attn.bundle._one_line import _end, one_line, root_cause
from monai_attn.bundle._places import check_bundle_root
from monai_attn.data import SetAside
from monai_attn.engines import CasesFailed, Outcome
from monai_attn.handlers._signals import _terminate


def nested(cause: Exception) -> Exception:
    for message in ("Failed to instantiate component", "Failed to evaluate ConfigExpression"):
        outer = RuntimeError(message)
        outer.__cause__ = cause
        cause = outer
    return cause


def test_the_cause_beneath_monais_wrappers_is_found_and_no_deeper():
    inner = ValueError("what happened\n  and the cure")
    inner.__cause__ = KeyError("detail")
    assert root_cause(nested(inner)) is inner
    assert root_cause(inner) is inner


@pytest.mark.parametrize(
    ("cause", "line"),
    [
        (ValueError("x=3:\n  use 4"), "error: x=3: use 4"),
        (FileNotFoundError("no a"), "error: no a"),
        (ZeroDivisionError("d"), "error: ZeroDivisionError: d (set MONAI_ATTN_DEBUG=1 to see where)"),
    ],
)
def test_one_line_is_printed(cause, line, capsys):
    error = nested(cause)
    _end(type(error), error, None)
    assert capsys.readouterr().err.splitlines() == ["", line]


@pytest.mark.parametrize(("number", "error"), [(signal.SIGTERM, None), (signal.SIGINT, KeyboardInterrupt())])
def test_a_signal_outside_of_training_is_named(number, error, capsys, monkeypatch):
    monkeypatch.setattr(os, "_exit", sys.exit)  # or this process would end
    if error is None:
        with pytest.raises(KeyboardInterrupt) as caught:
            _terminate(number, None)
        error = caught.value
    with pytest.raises(SystemExit) as left:
        _end(type(error), error, None)
    assert left.value.code == 128 + number
    assert capsys.readouterr().err.splitlines()[-1] == f"interrupted by {number.name}"


def test_failed_cases_have_a_line_each_whatever_words_they_hold(capsys):
    outcome = Outcome("label maps", "out", written=1)
    for name in "ab":
        outcome.add(SetAside(name, f"{name}.nii", f"'{name}.nii' takes too much (can't allocate memory): crop it"))
    with pytest.raises(CasesFailed) as failed:
        outcome.check()
    _end(RuntimeError, nested(failed.value), None)
    _, one, other, last = capsys.readouterr().err.splitlines()
    assert one == "case 'a' failed: 'a.nii' takes too much (can't allocate memory): crop it"
    assert other.startswith("case 'b' failed: 'b.nii'")
    assert last == f"error: {failed.value}"
    assert last.endswith("; label maps of the other 1 are in 'out'")


def test_other_programs_keep_their_tracebacks():
    code = "import sys, monai_attn; monai_attn.bundle.one_line_errors(); assert sys.excepthook is sys.__excepthook__"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_bundles_are_found_by_name():
    name = "hippocampus_mri_attn_segmentation"
    assert (bundle_dir(name) / "configs" / "inference.json").is_file()
    with pytest.raises(ValueError, match=rf"bundle 'nope' is not shipped: use one of .*{name}"):
        bundle_dir("nope")


def test_a_wrong_root_an_unusable_output_and_device_are_named(tmp_path, monkeypatch):
    check_bundle_root(bundle_dir("hippocampus_mri_attn_segmentation"))
    with pytest.raises(FileNotFoundError, match=r"is not a bundle: pass --bundle_root"):
        check_bundle_root(tmp_path)
    assert check_output_dir(tmp_path / "new") == tmp_path / "new"
    assert not (tmp_path / "new").exists()
    (tmp_path / "file").touch()
    for output in ("file", "file/deeper/still"):
        with pytest.raises(ValueError, match=r"cannot be a folder, '.*file' is a file: use another"):
            check_output_dir(tmp_path / output)
    monkeypatch.setattr(os, "access", lambda *_: False)  # the person who runs the tests may be root
    with pytest.raises(ValueError, match=r"new' cannot be written, '.*' is read-only"):
        check_output_dir(tmp_path / "new")
    with pytest.raises(ValueError, match=r"device='cuda:77' cannot be used \(.*\): pass --device cpu or auto"):
        compute_device("cuda:77")
    assert str(compute_device("auto")) in ("cpu", "cuda", "mps")


def test_an_argument_that_helps_is_a_switch_at_the_command_line():
    assert one_line(ValueError("a=1: set another `output_dir`")) == "error: a=1: set another --output_dir"
