"""What ends a training from outside, or from a worker process: one line, an exit status, and something to resume."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
from trainings import assert_equal, last_state, root, workflow

from monai_attn.bundle._one_line import one_line


class InWorker:
    """A transform that does something bad, but only in a worker process."""

    def __init__(self, what: str) -> None:
        self.what, self.parent = what, os.getpid()

    def __call__(self, case):
        if os.getpid() == self.parent:
            return case
        if self.what == "dies":
            os.kill(os.getpid(), signal.SIGKILL)
        raise OSError(f"'{case['case']}' went away while it was read")


def with_transform(training, transform):
    dataset = training.parser.get_parsed_content("train::dataset")
    dataset.transform.transforms = (*dataset.transform.transforms, transform)
    return training


def test_a_worker_that_is_killed_is_explained(small, slices, tmp_path):
    training = workflow(small, slices, tmp_path / "out", num_workers=2)
    with pytest.raises(RuntimeError) as caught:
        with_transform(training, InWorker("dies")).run()
    text = one_line(caught.value)
    assert text.startswith("error: a DataLoader worker died (DataLoader worker (pid")
    assert "pass --num_workers 0" in text
    assert text.count("DataLoader worker") == 2
    assert last_state(tmp_path / "out")["epoch"] == 0


def test_shared_memory_that_is_too_small_is_explained(small, slices, tmp_path):
    room = ["unshare", "-m", "sh", "-c", 'mount -t tmpfs -o size=64k tmpfs /dev/shm && exec "$@"', "sh"]
    if shutil.which("unshare") is None or subprocess.run([*room, "true"], capture_output=True, check=False).returncode:
        pytest.skip("cannot mount another /dev/shm here")
    out = tmp_path / "out"
    command = [*room, *arguments(small, slices, out, max_epochs=1, num_workers=1, patch_size=[256, 256])]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("error: DataLoader workers could not hand over their data (")
    assert "No space left on device" in last
    assert "pass --num_workers 0, or see that there is memory and room in /dev/shm" in last
    assert last_state(out)["epoch"] == 0


def test_nan_from_augmentation_stops_and_keeps_the_good_checkpoint(small, slices, tmp_path):
    out = tmp_path / "out"
    workflow(small, slices, out, max_epochs=1).run()
    before = {path.name: path.read_bytes() for path in out.iterdir()}

    def poison(case):
        return {**case, "image": case["image"] * np.nan} if case["case"] == "case_4" else case

    training = workflow(small, slices, out, "resume", max_epochs=2, batch_size=1)
    with pytest.raises(RuntimeError) as caught:
        with_transform(training, poison).run()
    error = root(caught.value)
    assert isinstance(error, FloatingPointError)
    assert re.search(r"loss=nan in epoch 2 .*, cases 'case_4': NaN or infinite voxels in their image", str(error))
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before


def test_the_spawn_start_method_trains_the_same(small, slices, tmp_path):
    for method in ("fork", "spawn"):
        training = workflow(small, slices, tmp_path / method, num_workers=1, max_epochs=1)
        training.parser.get_parsed_content("train::dataloader").multiprocessing_context = method
        training.run()
    assert_equal(*(last_state(tmp_path / method) for method in ("fork", "spawn")))


def arguments(small, slices, out, *overlays: str, **overrides) -> list[str]:
    options = {"bundle_root": small.root, "dataset_dir": slices, "output_dir": out, "patch_size": [40, 40], **overrides}
    files = str(small.configs("train", *overlays))
    return [
        *(sys.executable, "-m", "monai.bundle", "run", "--config_file", files),
        *(part for name, value in options.items() for part in (f"--{name}", str(value))),
    ]


@pytest.mark.parametrize("damage", ["missing", "cut"])
def test_a_lost_best_network_is_written_again(small, slices, tmp_path, damage, capsys):
    out = tmp_path / "out"
    workflow(small, slices, out, max_epochs=1).run()
    best = torch.load(out / "model.pt", weights_only=True)
    if damage == "missing":
        (out / "model.pt").unlink()
    else:
        (out / "model.pt").write_bytes((out / "model.pt").read_bytes()[:1000])
    workflow(small, slices, out, "resume", max_epochs=1).run()
    assert "model.pt' " in capsys.readouterr().out
    assert_equal(torch.load(out / "model.pt", weights_only=True), best)

    workflow(small, slices, out, "resume", max_epochs=2, learning_rate=30.0).run()  # no better one than the first
    (out / "model.pt").unlink()
    workflow(small, slices, out, "resume", max_epochs=3, learning_rate=0.001).run()
    assert "the best of the epochs to come takes its place" in capsys.readouterr().out
    assert_equal(torch.load(out / "model.pt", weights_only=True), torch.load(out / "model_final.pt", weights_only=True))


def test_a_last_network_that_is_not_the_last_is_written_again(small, slices, tmp_path):
    out = tmp_path / "out"
    workflow(small, slices, out, max_epochs=2).run()
    right = (out / "model_final.pt").read_bytes()
    stale = {name: tensor + 1 for name, tensor in torch.load(out / "model_final.pt", weights_only=True).items()}
    for spoil in (lambda path: torch.save(stale, path), lambda path: path.write_bytes(b"x")):
        spoil(out / "model_final.pt")
        workflow(small, slices, out, "resume", max_epochs=2).run()
        assert (out / "model_final.pt").read_bytes() == right


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signals_end_the_command_with_their_status(small, slices, tmp_path, number, status):
    out = tmp_path / "out"
    process = subprocess.Popen(
        arguments(small, slices, out, max_epochs=1000), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    started = time.monotonic()
    while not list(out.glob("checkpoint_epoch0002*")):
        assert process.poll() is None
        assert time.monotonic() - started < 200
        time.sleep(0.05)
    with pytest.raises(RuntimeError) as caught:
        workflow(small, slices, out).run()
    assert f"has a training that still runs (process {process.pid}): wait until it" in one_line(caught.value)
    process.send_signal(number)
    out_log, log = process.communicate(timeout=60)
    assert process.returncode == status
    name = signal.Signals(number).name
    assert log.strip().splitlines()[-1] == f"error: {name} ended the training: go on with resume.json"
    assert "Traceback" not in out_log + log
    assert last_state(out)["epoch"] >= 2


def test_errors_of_workers_end_in_one_line(small, slices, tmp_path, monkeypatch):
    training = workflow(small, slices, tmp_path / "out", num_workers=1)
    with pytest.raises(RuntimeError) as caught:
        with_transform(training, InWorker("fails")).run()
    text = one_line(caught.value)
    assert re.fullmatch(r"error: OSError: case '(case_\d)': '\1' went away while it was read \(in DataLoader.*\)", text)


def test_out_of_memory_says_what_to_lower(small, slices, tmp_path):
    training = workflow(small, slices, tmp_path / "out")

    def too_large(*_):
        torch.empty(2**50)

    training.parser.get_parsed_content("train::trainer").inferer = too_large
    with pytest.raises(RuntimeError) as caught:
        training.run()
    assert re.fullmatch(r"error: out of memory \(.*\): lower --batch_size of.*", one_line(caught.value))
