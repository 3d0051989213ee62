"""Processes that ``torchrun`` starts end as one process does."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from monai_attn.bundle import start_ranks

PROGRAM = """
import sys, types

sys.modules["__main__"].__spec__ = types.SimpleNamespace(name="monai.bundle.__main__")  # as python -m monai.bundle is
from monai_attn.bundle import one_line_errors, start_ranks
from monai_attn.errors import TrainingInterrupted

one_line_errors()
start_ranks()
raise TrainingInterrupted("SIGTERM ended the training", 15)
"""


def test_joining_the_others_leaves_one_line_and_the_exit_status():
    """torch's ``init_process_group`` puts a hook of its own before ours, which loses both."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    rank = {"LOCAL_RANK": "0", "RANK": "0", "WORLD_SIZE": "1", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    environment = {name: value for name, value in os.environ.items() if name != "MONAI_ATTN_DEBUG"}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={**environment, **rank, "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.stderr.strip().splitlines()[-1] == "error: SIGTERM ended the training"
    assert "Traceback" not in done.stderr
    assert done.returncode == 128 + 15


def test_without_torchrun_the_command_is_named(monkeypatch):
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    with pytest.raises(ValueError, match="start it with torchrun --standalone --nproc_per_node="):
        start_ranks()


WAITING = """
import sys, time, types

sys.modules["__main__"].__spec__ = types.SimpleNamespace(name="monai.bundle.__main__")
from monai_attn.bundle import one_line_errors, start_ranks

one_line_errors()
start_ranks()
print("started", flush=True)
time.sleep(100)
"""
LAUNCHER = """
import os, subprocess, sys

rank = subprocess.Popen([sys.executable, "-c", sys.argv[1]], stdout=subprocess.PIPE, text=True)
print(rank.pid, rank.stdout.readline().strip(), flush=True)
rank.wait()
"""


@pytest.mark.skipif(os.name != "posix", reason="elsewhere a process keeps its parent's number")
def test_a_rank_ends_when_its_launcher_is_killed():
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    rank = {"LOCAL_RANK": "0", "RANK": "0", "WORLD_SIZE": "1", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    launcher = subprocess.Popen(
        [sys.executable, "-c", LAUNCHER, WAITING],
        env={**os.environ, **rank, "CUDA_VISIBLE_DEVICES": ""},
        stdout=subprocess.PIPE,
        text=True,
    )
    number, started = launcher.stdout.readline().split()
    assert started == "started"
    launcher.kill()
    launcher.wait()
    launcher.stdout.close()
    for _ in range(100):
        if not _lives(int(number)):
            return
        time.sleep(0.1)
    os.kill(int(number), signal.SIGKILL)
    pytest.fail("the rank lives on")


def _lives(number: int) -> bool:
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{number}/stat")
    return not state.is_file() or state.read_text().rpartition(")")[2].split()[0] != "Z"  # nobody waits for it
