"""One training at a time in a folder, and no refusal that outlives it."""

import contextlib
import errno
import os
import signal
import subprocess
import sys
import time

import pytest

from monai_attn.handlers._folder_lock import only_training_in

HOLD = """
import os, sys, time
from monai_attn.handlers._folder_lock import only_training_in

with only_training_in(sys.argv[1]):
    child = 1 if sys.argv[2] == "alone" else os.fork()
    if child == 0:
        time.sleep(100)
    print(child, flush=True)
    sys.stdin.readline()
"""


TAKE_TURNS = """
import sys
from pathlib import Path
from monai_attn.handlers import _folder_lock

folder, _folder_lock.WAIT_S = Path(sys.argv[1]), 60
print(flush=True)
for _ in range(100):
    with _folder_lock.only_training_in(folder):
        (folder / "inside").touch(exist_ok=False)
        (folder / "inside").unlink()
"""


@contextlib.contextmanager
def started(code, *arguments):
    """A process, and the first line that it printed."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", code, *arguments], **pipes) as process:
        yield process, process.stdout.readline().strip()


def test_a_second_training_is_refused_until_the_first_has_ended(tmp_path):
    with started(HOLD, tmp_path, "alone") as (process, _):
        who = rf"output_dir='{tmp_path}' has a training that still runs \(process {process.pid}\): "
        with pytest.raises(ValueError, match=rf"^{who}wait until it has ended, or pass another `output_dir`$"):
            only_training_in(tmp_path).__enter__()
        process.communicate("\n", timeout=60)
    assert list(tmp_path.iterdir()) == []
    with only_training_in(tmp_path):
        assert [path.name for path in tmp_path.iterdir()] == [".training.lock"]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("how", ["alone", "with a worker"])
def test_a_killed_training_leaves_no_refusal(tmp_path, how):
    """Not even while a worker process that it started is still there."""
    with started(HOLD, tmp_path, how) as (process, child):
        process.kill()
        process.wait(timeout=60)
        try:
            with only_training_in(tmp_path):
                assert (tmp_path / ".training.lock").read_bytes()[1:].strip() == str(os.getpid()).encode()
        finally:
            if how == "with a worker":
                os.kill(int(child), signal.SIGKILL)  # it was alive all the time
    assert list(tmp_path.iterdir()) == []


def test_trainings_that_come_and_go_are_never_two_at_once(tmp_path):
    """Even though each removes the file that the other may just have opened."""
    with started(TAKE_TURNS, tmp_path) as (one, _), started(TAKE_TURNS, tmp_path) as (other, _):
        assert [process.wait(timeout=200) for process in (one, other)] == [0, 0]
    assert list(tmp_path.iterdir()) == []


def test_the_lock_ends_with_an_error(tmp_path):
    for _ in range(2):
        with pytest.raises(ZeroDivisionError), only_training_in(tmp_path):
            raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS])
def test_a_file_system_without_locks_goes_on(tmp_path, monkeypatch, number):
    fcntl = pytest.importorskip("fcntl")

    def no_locks(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", no_locks)
    begin = time.monotonic()
    with only_training_in(tmp_path), only_training_in(tmp_path):
        pass
    assert time.monotonic() - begin < 5


def test_no_folder_is_made(tmp_path):
    with only_training_in(tmp_path / "none"):
        assert not (tmp_path / "none").exists()
