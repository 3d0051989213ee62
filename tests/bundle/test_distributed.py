"""Processes that ``torchrun`` starts end as one process does."""

import os
import socket
import subprocess
import sys

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
