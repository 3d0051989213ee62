"""What becomes of a training that is killed, interrupted, or started again."""

import hashlib
import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import damage as d
import torch
from experiments import trained, weights
from ignite.engine import Engine, Events
from monai.handlers import CheckpointSaver
from stock_bundle import StockBundle, children, stop

KILLS = 20


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]


def equal_tensors(one: Path, other: Path) -> bool:
    states = [torch.load(path, weights_only=True) for path in (one, other)]
    return all(torch.equal(a, b) for a, b in zip(*(state.values() for state in states), strict=True))


def saver(folder: Path, megabytes: int) -> tuple[Engine, torch.nn.Linear]:
    """An engine that saves a network at the end of each epoch, as the bundle's evaluator does."""
    network = torch.nn.Linear(megabytes * 250, 1000)
    engine = Engine(lambda *_: None)
    engine.add_event_handler(Events.EPOCH_COMPLETED, lambda e: e.state.metrics.update(score=float(e.state.epoch)))
    handler = CheckpointSaver(
        str(folder), {"model": network}, save_key_metric=True, key_metric_name="score", key_metric_filename="model.pt"
    )
    handler.attach(engine)
    return engine, network


def readable(path: Path) -> str:
    try:
        torch.load(path, weights_only=True)
    except Exception as error:  # whatever torch makes of a damaged file
        return type(error).__name__
    return "readable"


def killed_while_saving(folder: Path) -> str:
    """Each time a good file is there, and another save is under way when the process dies."""
    found = []
    for _ in range(KILLS):
        target = folder / "models"
        shutil.rmtree(target, ignore_errors=True)
        pid = os.fork()
        if pid == 0:
            saver(target, 40)[0].run([0], max_epochs=10_000)
            os._exit(0)
        while not (target / "model.pt").exists():
            time.sleep(0.01)
        time.sleep(0.3 + random.random() * 0.3)  # noqa: S311 (no secret)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        found.append(readable(target / "model.pt"))
    return f"of {KILLS} files: " + ", ".join(f"{found.count(kind)} {kind}" for kind in sorted(set(found)))


def full_disk(folder: Path) -> str:
    """Good weights are there; another training cannot write all of its larger ones."""
    if os.geteuid():
        return "not tried: mounting a small disk takes root"
    data, bundle = d.dataset(folder / "data"), StockBundle(folder / "bundle")
    disk = bundle.root / "models"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)], check=True)  # noqa: S607
    try:
        bundle.run("train", data, max_epochs=1)
        before = readable(weights(bundle))
        space = os.statvfs(disk)
        (disk / "of others").write_bytes(bytes((space.f_bavail - 1) * space.f_frsize))
        said = bundle.run("train", data, max_epochs=1, **{"network_def::channels": "[16,32]"})
        return f"before: {before}; {said}; after: {readable(weights(bundle))}"
    finally:
        subprocess.run(["umount", str(disk)], check=True)  # noqa: S607


def signalled(number: signal.Signals) -> Callable[[Path], str]:
    def observe(folder: Path) -> str:
        data, bundle = d.dataset(folder / "data"), StockBundle(folder / "bundle")
        return str(bundle.run_until(data, "Epoch: 5/", stop(number), max_epochs=100_000))

    return observe


def worker_killed(folder: Path) -> str:
    def kill(pid: int) -> None:
        while not children(pid):  # between two epochs there are none
            time.sleep(0.001)
        os.kill(children(pid)[-1], signal.SIGKILL)

    data, bundle = d.dataset(folder / "data"), StockBundle(folder / "bundle")
    return str(bundle.run_until(data, "Epoch: 5/", kill, max_epochs=100_000, num_workers=2))


def two_runs(folder: Path) -> str:
    said = []
    for workers in (0, 2):
        paths = [weights(trained(folder / f"{workers}_{k}", num_workers=workers)[0]) for k in range(2)]
        said.append(f"{workers} workers: {'equal' if equal_tensors(*paths) else 'different'}")
    return "; ".join(said)


def started_again(folder: Path) -> str:
    """Is there anything to go on from, and what becomes of the best weights of the first run?"""
    bundle, data, first = trained(folder, max_epochs=30)
    kept = sorted(torch.load(weights(bundle), weights_only=True))[:2]
    before = digest(weights(bundle))
    second = bundle.run("train", data, max_epochs=1)
    return f"file has {kept}; first {first}; second {second}; best kept: {digest(weights(bundle)) == before}"


def two_at_once(folder: Path) -> str:
    """The second one starts while the first one is under way."""
    data, bundle = d.dataset(folder / "data"), StockBundle(folder / "bundle")
    second: list[str] = []
    first = bundle.run_until(data, "Epoch: 5/", lambda _: second.append(str(bundle.run("train", data))), max_epochs=200)
    return f"first {first}; second {second}; {len(list(weights(bundle).parent.iterdir()))} file(s) of weights"


def spawned(folder: Path) -> str:
    return trained(folder, num_workers=2, **{"train::dataloader::multiprocessing_context": "spawn"})[2]


INTERRUPTIONS: dict[str, Callable[[Path], str]] = {
    "kill -9 while saving": killed_while_saving,
    "full disk": full_disk,
    "SIGTERM": signalled(signal.SIGTERM),
    "SIGINT": signalled(signal.SIGINT),
    "data loader's worker killed": worker_killed,
    "two runs": two_runs,
    "started again": started_again,
    "two at once": two_at_once,
    "spawn": spawned,
}
