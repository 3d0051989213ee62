import os
import random
import signal
import threading
import time

import numpy as np
import pytest
import torch
from ignite.engine import Engine, Events
from monai.data import Dataset, DistributedSampler
from monai.engines import SupervisedTrainer
from monai.transforms import RandGaussianNoise
from torch import nn
from torch.utils.data import DataLoader

from monai_attn.errors import TrainingInterrupted, explain
from monai_attn.handlers import ReseedEpochs, StopOnBadLoss, interruptible

BAD = float("nan")


def trainer(network, batches, loss, lr: float = 0.1) -> SupervisedTrainer:
    engine = SupervisedTrainer(
        device=torch.device("cpu"),
        max_epochs=1,
        train_data_loader=DataLoader(batches, batch_size=None),
        network=network,
        optimizer=torch.optim.SGD(network.parameters(), lr=lr),
        loss_function=loss,
    )
    StopOnBadLoss(network).attach(engine)
    return engine


def batch(name: str, value: float = 1.0) -> dict:
    return {"case": [name], "image": torch.full((1, 2), value), "label": torch.zeros(1, 1)}


@pytest.mark.parametrize("value", [BAD, float("inf"), -float("inf")])
def test_bad_voxels_stop_with_the_names_of_their_cases(value):
    network = nn.Linear(2, 1)
    engine = trainer(network, [batch("good"), batch("bad one", value)], nn.MSELoss())
    with pytest.raises(
        FloatingPointError, match=r"\(iteration 2\), cases 'bad one': NaN or infinite voxels in their image"
    ):
        engine.run()
    assert all(parameter.isfinite().all() for parameter in network.parameters())


def test_a_bad_loss_of_good_voxels_stops_before_the_weights_change():
    network = nn.Linear(2, 1)
    before = network.weight.clone()
    engine = trainer(network, [batch("a")], lambda pred, _: pred.sum() * BAD)
    with pytest.raises(FloatingPointError, match=r"loss=nan in epoch 1.*'a'.*lower `learning_rate`"):
        engine.run()
    assert torch.equal(network.weight, before)


def test_weights_that_blew_up_are_named():
    engine = trainer(nn.Linear(2, 1), [batch("a"), batch("b")], nn.MSELoss(), lr=float("inf"))
    with pytest.raises(FloatingPointError, match=r"'b': weights weight became NaN or infinite.*lower `learning_rate`"):
        engine.run()


def test_a_bad_step_at_the_end_of_an_epoch_is_in_the_checkpoint():
    """Resuming from that one would end in the same error again and again."""
    engine = trainer(nn.Linear(2, 1), [batch("a")], nn.MSELoss(), lr=1e30)
    engine.state.max_epochs = 2
    with pytest.raises(FloatingPointError, match=r"in epoch 2.*in the newest checkpoint: delete it, lower `learning_"):
        engine.run()


def draws(first: int, last: int, seed: int = 0) -> list:
    noise, seen = RandGaussianNoise(prob=1.0), []

    def step(*_):
        seen.append((noise(torch.zeros(1)).item(), random.random(), np.random.random(), torch.rand(1).item()))  # noqa: NPY002,S311

    engine = Engine(step)
    ReseedEpochs(Dataset([0], noise), seed).attach(engine)
    engine.state.epoch, engine.state.iteration = first - 1, first - 1
    engine.state.max_epochs, engine.state.epoch_length = last, 1
    engine.run([0], max_epochs=last, epoch_length=1)
    return seen


def test_an_epoch_draws_the_same_numbers_whatever_came_before():
    assert draws(1, 4)[2:] == draws(3, 4)
    assert len({*draws(1, 4), *draws(1, 4, seed=1)}) == 8


@pytest.fixture
def one_process(tmp_path):
    store = torch.distributed.FileStore(str(tmp_path / "store"), 1)
    torch.distributed.init_process_group("gloo", store=store, rank=0, world_size=1)
    yield
    torch.distributed.destroy_process_group()


@pytest.mark.usefixtures("one_process")
def test_each_process_draws_its_own_numbers(monkeypatch):
    alone = draws(1, 4)
    monkeypatch.setattr(torch.distributed, "get_rank", lambda: 1)
    assert len({*alone, *draws(1, 4)}) == 8


@pytest.mark.usefixtures("one_process")
@pytest.mark.parametrize("num_workers", [0, 2])
def test_the_order_of_cases_follows_the_epoch_whatever_came_before(num_workers):
    def orders(first: int, last: int) -> list:
        seen: dict[int, list] = {}
        engine = Engine(lambda engine, batch: seen.setdefault(engine.state.epoch, []).extend(batch.tolist()))
        ReseedEpochs(Dataset([0], lambda x: x), 0).attach(engine)
        sampler = DistributedSampler(range(8), even_divisible=True, shuffle=True, seed=0)
        loader = DataLoader(range(8), batch_size=4, sampler=sampler, num_workers=num_workers)
        engine.state.epoch, engine.state.iteration = first - 1, 2 * (first - 1)
        engine.state.max_epochs, engine.state.epoch_length = last, 2
        engine.run(loader, max_epochs=last, epoch_length=2)
        return list(seen.values())

    whole = orders(1, 4)
    assert whole[2:] == orders(3, 4)
    assert len({tuple(order) for order in whole}) == 4


def engine_with_signal(number: int, times: int = 1) -> tuple[Engine, list[int]]:
    done: list[int] = []

    def step(engine, _):
        for _ in range(times):
            os.kill(os.getpid(), number)
            time.sleep(0.2)  # until Python has run the handler, or two signals count as one
        done.append(engine.state.iteration)

    return Engine(step), done


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_the_iteration_under_way_and_no_sooner(number, status):
    before = signal.getsignal(number)
    engine, done = engine_with_signal(number)
    with pytest.raises(TrainingInterrupted, match=r"go on with resume\.json") as caught, interruptible(engine):
        engine.run([0, 1, 2])
    assert (done, caught.value.status) == ([1], status)
    assert signal.getsignal(number) == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_each_run_listens_anew_and_leaves_signals_as_they_were(number):
    before = signal.getsignal(number)
    engine = Engine(lambda *_: None)
    with interruptible(engine):
        engine.run([0, 1])
        assert signal.getsignal(number) != before
    assert signal.getsignal(number) == before
    one = engine.add_event_handler(Events.ITERATION_STARTED(once=1), lambda: os.kill(os.getpid(), number))
    with pytest.raises(TrainingInterrupted), interruptible(engine):
        engine.run([0, 1])
    one.remove()
    for _ in range(2):  # the signal of that run ends none of these
        with interruptible(engine):
            engine.run([0, 1])
        assert signal.getsignal(number) == before
    assert engine.state.iteration == 2


def test_a_second_signal_ends_at_once():
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # shells let what runs behind them ignore it
    engine, done = engine_with_signal(signal.SIGINT, times=2)
    try:
        with pytest.raises(KeyboardInterrupt), interruptible(engine):
            engine.run([0, 1])
    finally:
        signal.signal(signal.SIGINT, before)
    assert done == []


def test_workers_that_the_signal_ended_too_are_not_its_cause():
    def end(*_):
        os.kill(os.getpid(), signal.SIGTERM)
        raise RuntimeError("DataLoader worker (pid(s) 7) exited unexpectedly")

    engine = Engine(end)
    text = r"^SIGTERM ended the training: go on with resume\.json$"
    with pytest.raises(TrainingInterrupted, match=text) as caught, interruptible(engine):
        engine.run([0])
    assert caught.value.status == 143
    assert explain(caught.value) is None


def test_in_another_thread_signals_stay_with_the_main_one():
    engine = Engine(lambda *_: None)

    def run():
        with interruptible(engine):
            engine.run([0, 1])

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert engine.state.iteration == 2
