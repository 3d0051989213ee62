"""Files that are whole or not there, whatever happens while they are written."""

import contextlib
import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from monai_attn.handlers._checkpoint_files import (
    checkpoint_files,
    newest_checkpoint,
    read_checkpoint,
    save_checkpoint,
    save_whole,
)

STATE = {"epoch": 0, "model": {"weight": torch.arange(300_000.0)}}

KILL = """
import os, random, signal, sys, time
from pathlib import Path
import torch
from monai_attn.handlers._checkpoint_files import checkpoint_files, newest_checkpoint, save_checkpoint, save_whole

torch.set_num_threads(1)  # a fork of a process with OpenMP threads would hang

def save_forever(folder, report):
    epoch = 0
    while True:
        state = {"epoch": epoch, "model": {"weight": torch.arange(300_000.0) + epoch}}
        save_whole(folder / "model.pt", state)
        save_checkpoint(folder, epoch, state)
        os.write(report, bytes([epoch % 256]))
        epoch += 1

folder, moments, interrupted = Path(sys.argv[1]), random.Random(0), 0
for _ in range(20):
    reading, report = os.pipe()
    child = os.fork()
    if child == 0:
        save_forever(folder, report)
    os.close(report)
    reported = os.read(reading, 1)[0]
    time.sleep(moments.uniform(0, 0.1))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    while more := os.read(reading, 100):
        reported = more[-1]
    os.close(reading)
    _, state = newest_checkpoint(folder)
    assert reported <= state["epoch"] <= reported + 1, (reported, state["epoch"])
    assert torch.equal(state["model"]["weight"], torch.arange(300_000.0) + state["epoch"])
    assert reported <= torch.load(folder / "model.pt", weights_only=True)["epoch"] <= reported + 1
    interrupted += bool(list(folder.glob(".monai-attn-*.part")))
    for path in folder.iterdir():
        path.unlink()
print("halves left under another name:", interrupted)
"""


def test_the_newest_two_are_kept(tmp_path):
    for epoch in range(5):
        save_checkpoint(tmp_path, epoch, {**STATE, "epoch": epoch})
    assert [path.name[:20] for path in checkpoint_files(tmp_path)] == ["checkpoint_epoch0004", "checkpoint_epoch0003"]
    assert len(list(tmp_path.iterdir())) == 2
    assert newest_checkpoint(tmp_path)[1]["epoch"] == 4


def test_what_was_just_written_stays_beside_those_of_more_epochs(tmp_path):
    for epoch in (39, 40, 3):
        path = save_checkpoint(tmp_path, epoch, {**STATE, "epoch": epoch})
    assert path.is_file()
    assert len(checkpoint_files(tmp_path)) == 2


@pytest.mark.parametrize("damage", ["flipped", "short", "empty", "renamed"])
def test_damage_is_noticed(tmp_path, damage):
    path = save_checkpoint(tmp_path, 1, STATE)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1  # in the middle of a tensor, where torch itself would not notice
    assert torch.equal(torch.load(path, weights_only=True)["model"]["weight"], STATE["model"]["weight"])
    if damage == "renamed":
        path = path.rename(tmp_path / "checkpoint_epoch0001-00000000.pt")
    else:
        path.write_bytes({"flipped": bytes(content), "short": bytes(content[:100]), "empty": b""}[damage])
    with pytest.raises(ValueError, match=r"checkpoint '.*' is damaged"):
        read_checkpoint(path)
    with pytest.raises(ValueError, match=r"all 1 checkpoints in output_dir='.*' are damaged"):
        newest_checkpoint(tmp_path)


def test_a_disk_that_takes_bytes_and_keeps_others_is_noticed(tmp_path, monkeypatch):
    path = save_checkpoint(tmp_path, 1, STATE)
    save_whole(tmp_path / "model.pt", STATE["model"])
    before = (tmp_path / "model.pt").read_bytes()
    sync = os.fsync

    def spoil(descriptor):
        sync(descriptor)
        os.pwrite(descriptor, b"?", os.fstat(descriptor).st_size // 2)  # in a tensor, where torch would not notice

    monkeypatch.setattr(os, "fsync", spoil)
    for save in (
        lambda: save_checkpoint(tmp_path, 2, {**STATE, "epoch": 2}),
        lambda: save_whole(tmp_path / "model.pt", {"weight": torch.zeros(300_000)}),
    ):
        with pytest.raises(
            OSError, match=r"cannot be written \(what was read back differs\): what was there before is"
        ):
            save()
    assert checkpoint_files(tmp_path) == [path]
    assert read_checkpoint(path)["epoch"] == STATE["epoch"]
    assert (tmp_path / "model.pt").read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 2


def test_kill_at_twenty_random_moments_of_saving(tmp_path):
    """Each time the last epoch that was reported, or the one after it, is there and whole."""
    done = subprocess.run(
        [sys.executable, "-c", KILL, tmp_path], capture_output=True, text=True, timeout=200, check=False
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.split(":")[1]) >= 1  # or no moment was one of saving


@contextlib.contextmanager
def tiny_disk(folder: Path):
    mount, unmount = shutil.which("mount"), shutil.which("umount")
    if mount is None or unmount is None:
        pytest.skip("there is no mount here")
    options = ["-t", "tmpfs", "-o", "size=3m", "tmpfs"]
    mounted = subprocess.run([mount, *options, folder], capture_output=True, text=True, check=False)
    if mounted.returncode:
        pytest.skip(f"cannot mount a small disk here: {mounted.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run([unmount, folder], check=True)


def test_a_full_disk_leaves_the_one_before(tmp_path):
    with tiny_disk(tmp_path):
        before = save_checkpoint(tmp_path, 1, STATE)
        save_checkpoint(tmp_path, 2, STATE)
        with pytest.raises(OSError, match=r"cannot be written \(No space left on device\).* is intact; free 1 MB"):
            save_checkpoint(tmp_path, 3, STATE)
        assert newest_checkpoint(tmp_path)[1]["epoch"] == 0
        assert before.is_file()
        assert len(list(tmp_path.iterdir())) == 2


def test_a_quota_leaves_the_one_before(tmp_path):
    save_checkpoint(tmp_path, 1, STATE)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, limits[1]))  # Python gives an OSError in place of the signal
    try:
        with pytest.raises(OSError, match=r"cannot be written \(File too large\): what was there before is intact"):
            save_checkpoint(tmp_path, 2, STATE)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert newest_checkpoint(tmp_path)[0].name.startswith("checkpoint_epoch0001")
    assert len(list(tmp_path.iterdir())) == 1
