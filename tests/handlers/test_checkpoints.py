"""What a training leaves in its folder, and what one that goes on from there takes up again."""

import contextlib
import functools
import math
import shutil

import pytest
import torch
from ignite.engine import Events
from ignite.metrics import Average, MetricsLambda
from monai.engines import SupervisedEvaluator
from monai.handlers import LrScheduleHandler, ValidationHandler
from torch import nn
from torch.utils.data import DataLoader

from monai_attn.engines import CheckedTrainer
from monai_attn.handlers import TrainingCheckpoints, is_better

CASES = [{"case": f"c{n}", "image": torch.full((2,), 1.0 + n), "label": torch.ones(1)} for n in range(3)]


def make_trainer(folder, epochs, scores=(0.5,) * 9, resume=False, amp=False, rates=None, length=4) -> CheckedTrainer:
    """A training of a few numbers, whose validations give these scores one after the other."""
    torch.manual_seed(0)
    network = nn.Linear(2, 1)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.01, momentum=0.9)
    schedule = torch.optim.lr_scheduler.PolynomialLR(optimizer, length)
    loader = DataLoader(CASES, batch_size=1)
    seen = iter(scores)
    evaluator = SupervisedEvaluator(
        device=torch.device("cpu"),
        val_data_loader=loader,
        network=network,
        key_val_metric={"score": MetricsLambda(lambda _: next(seen), Average(output_transform=lambda _: 0.0))},
        metric_cmp_fn=is_better,
    )
    trainer = CheckedTrainer(
        device=torch.device("cpu"),
        max_epochs=epochs,
        train_data_loader=loader,
        network=network,
        optimizer=optimizer,
        loss_function=nn.MSELoss(),
        train_handlers=[LrScheduleHandler(schedule, print_lr=False), ValidationHandler(1, evaluator)],
        amp=amp,
        checkpoints=TrainingCheckpoints(folder, network, optimizer, schedule, evaluator, {"seed": 0}),
    )
    if resume:
        trainer.checkpoints.resume()
    if rates is not None:
        trainer.add_event_handler("EPOCH_STARTED", lambda: rates.append(optimizer.param_groups[0]["lr"]))
    return trainer


def load(path):
    return torch.load(path, weights_only=True)


def last_state(folder):
    return load(max(folder.glob("checkpoint_epoch*.pt")))


@pytest.mark.parametrize("no_score", [math.nan, math.inf])
def test_a_validation_without_a_score_gives_no_best_network(tmp_path, no_score):
    make_trainer(tmp_path, 1, [no_score]).run()
    assert not (tmp_path / "model.pt").exists()
    assert (tmp_path / "model_final.pt").is_file()


def test_the_first_score_after_one_that_was_none_is_the_best(tmp_path):
    make_trainer(tmp_path, 3, [math.nan, 0.2, 0.1]).run()
    state = last_state(tmp_path)
    assert state["best_of_evaluator"] == [0.2, 2]
    second = load(next(tmp_path.glob("checkpoint_epoch0002-*.pt")))["model"]
    assert all(torch.equal(tensor, second[name]) for name, tensor in load(tmp_path / "model.pt").items())


def test_a_folder_that_is_removed_meanwhile_has_a_best_network_in_the_end(tmp_path, caplog):
    folder = tmp_path / "run"
    trainer = make_trainer(folder, 3, [0.9, 0.5, 0.4])
    trainer.add_event_handler(Events.EPOCH_STARTED(once=3), lambda: shutil.rmtree(folder))
    trainer.run()
    best, last = load(folder / "model.pt"), load(folder / "model_final.pt")
    assert all(torch.equal(tensor, last[name]) for name, tensor in best.items())
    assert "model.pt' was removed during the training: it is the last epoch's now" in caplog.text
    assert len(list(folder.glob("checkpoint_epoch*.pt"))) == 1


@pytest.fixture
def scaler_without_cuda(monkeypatch):
    """MONAI's trainers ask for CUDA's; this one doubles its scale after each step."""
    monkeypatch.setattr(torch.cuda.amp, "GradScaler", functools.partial(torch.amp.GradScaler, "cpu", growth_interval=1))
    monkeypatch.setattr(torch, "autocast", lambda *_, **__: contextlib.nullcontext())


@pytest.mark.usefixtures("scaler_without_cuda")
def test_the_scaler_of_mixed_precision_goes_on(tmp_path):
    make_trainer(tmp_path / "whole", 3, amp=True).run()
    make_trainer(tmp_path / "torn", 2, amp=True).run()
    assert last_state(tmp_path / "torn")["scaler"]["scale"] == 2.0 ** (16 + 2 * len(CASES))
    make_trainer(tmp_path / "torn", 3, amp=True, resume=True).run()
    whole, torn = (last_state(tmp_path / name) for name in ("whole", "torn"))
    assert torn["scaler"] == whole["scaler"]
    assert torn["scaler"]["scale"] == 2.0 ** (16 + 3 * len(CASES))
    assert all(torch.equal(tensor, torn["model"][name]) for name, tensor in whole["model"].items())


@pytest.mark.parametrize("length", [4, 8])
def test_a_further_run_begins_a_schedule_that_is_over_anew(tmp_path, length):
    """As in each round of federated learning, whose schedule is that of one round; a longer one just goes on."""
    rates: list[float] = []
    trainer = make_trainer(tmp_path, 4, rates=rates, length=length)
    trainer.run()
    trainer.state.max_epochs = 8
    trainer.run()
    expected = [0.01 * (1 - epoch / length) for epoch in range(length)]
    assert rates == pytest.approx(expected * (8 // length))
