"""A resumed schedule has the rates of one that never stopped, and the config's where that has changed."""

import logging
import math
import time

import pytest
import torch
from ignite.handlers import CosineAnnealingScheduler
from schedules import LENGTH, SCHEDULES, Training
from torch import nn
from torch.optim import lr_scheduler as torch_schedules

from monai_attn.handlers._restore import OptimizerProgress

EVERY = pytest.mark.parametrize(("make", "changed"), SCHEDULES.values(), ids=SCHEDULES)


def test_every_schedule_of_torch_is_tried():
    names = {n for n, kind in vars(torch_schedules).items() if isinstance(kind, type) and not n.startswith("_")}
    kinds = {n for n in names if issubclass(getattr(torch_schedules, n), torch_schedules.LRScheduler)}
    assert kinds - {"LRScheduler", "ReduceLROnPlateau"} <= set(SCHEDULES)


@EVERY
@pytest.mark.parametrize("done", [0, 1, 5])
def test_an_unchanged_config_goes_on_bit_for_bit(make, changed, done, caplog):
    whole, torn, resumed = Training(make), Training(make), Training(make)
    expected = whole.train(9)
    torn.train(done)
    resumed.progress.restore(torn.checkpoint(), done)
    assert resumed.train(9 - done) == expected[done:]
    ours, theirs = (t.schedule.state_dict() for t in (resumed, whole))
    assert {k: v for k, v in ours.items() if k != "lr_lambdas"} == {
        k: v for k, v in theirs.items() if k != "lr_lambdas"
    }
    assert caplog.records == []


@EVERY
def test_a_changed_config_has_its_own_rates_at_that_epoch(make, changed, caplog):
    anew, torn, resumed = Training(make, **changed), Training(make), Training(make, **changed)
    expected = anew.train(9)
    assert torn.train(9) != expected
    torn = Training(make)
    torn.train(5)
    resumed.progress.restore(torn.checkpoint(), 5)
    assert resumed.train(1) == expected[5:6]
    again = Training(make, **changed)
    again.progress.restore(resumed.checkpoint(), 6)
    assert again.train(3) == expected[6:]
    assert all("until the checkpoint it was" in record.getMessage() for record in caplog.records)


def test_what_changed_is_said(caplog):
    make = SCHEDULES["LinearLR"][0]
    torn, resumed = Training(make), Training(make, end_factor=0.5)
    torn.train(5)
    resumed.progress.restore(torn.checkpoint(), 5)
    assert "optimizer lr=0.0791667, until the checkpoint it was 0.0625" in caplog.text


@EVERY
def test_another_learning_rate_takes_effect(make, changed):
    anew, torn, resumed = Training(make, lr=0.2), Training(make), Training(make, lr=0.2)
    expected = anew.train(9)
    torn.train(5)
    resumed.progress.restore(torn.checkpoint(), 5)
    assert resumed.train(4) == expected[5:]


def test_another_kind_of_schedule_and_one_or_none():
    for old, new in [("StepLR", "OneCycleLR"), ("ChainedScheduler", "StepLR"), (None, "LambdaLR"), ("StepLR", None)]:
        before, after = (SCHEDULES[name][0] if name else None for name in (old, new))
        anew, torn, resumed = Training(after, lr=0.2), Training(before), Training(after, lr=0.2)
        expected = anew.train(9)
        torn.train(5)
        resumed.progress.restore(torn.checkpoint(), 5)
        assert resumed.train(4) == expected[5:]


def plateau(optimizer, **changed):
    return torch_schedules.ReduceLROnPlateau(optimizer, **{"factor": 0.5, "patience": 1, **changed})


def on_score(scores):
    scores = iter(scores)
    return lambda schedule: schedule.step(next(scores))


SCORES = (1.0, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9)


def test_a_schedule_that_follows_a_score_keeps_its_history(caplog):
    whole, torn, resumed = Training(plateau), Training(plateau), Training(plateau)
    expected = whole.train(9, on_score(SCORES))
    torn.train(5, on_score(SCORES[:5]))
    resumed.progress.restore(torn.checkpoint(), 5)
    assert resumed.train(4, on_score(SCORES[5:])) == expected[5:]
    assert resumed.schedule.state_dict() == whole.schedule.state_dict()
    assert caplog.records == []


def test_a_schedule_that_follows_a_score_takes_the_configs_settings():
    torn = Training(plateau)
    torn.train(5, on_score(SCORES[:5]))
    rate = torn.optimizer.param_groups[0]["lr"]
    changed = {"factor": 0.1, "patience": 0, "min_lr": 1e-5, "threshold_mode": "abs", "mode": "min", "cooldown": 3}
    resumed = Training(plateau, lr=0.2, **changed)
    resumed.progress.restore(torn.checkpoint(), 5)
    assert resumed.optimizer.param_groups[0]["lr"] == 2 * rate < 0.2
    assert {name: getattr(resumed.schedule, name) for name in changed if name != "min_lr"} == {
        name: value for name, value in changed.items() if name != "min_lr"
    }
    assert resumed.schedule.min_lrs == [1e-5] * 2
    assert (resumed.schedule.best, resumed.schedule.num_bad_epochs) == (0.9, torn.schedule.num_bad_epochs)


def test_without_a_schedule_the_configs_rate_holds_and_moments_stay(caplog):
    torn, resumed = Training(None), Training(None, lr=0.2)
    torn.train(3)
    resumed.progress.restore(torn.checkpoint(), 3)
    assert [group["lr"] for group in resumed.optimizer.param_groups] == [0.2, 0.05]
    moments = [state["momentum_buffer"] for state in resumed.optimizer.state_dict()["state"].values()]
    assert all(torch.equal(moment, torch.full_like(moment, 2.71)) for moment in moments)
    assert "optimizer lr=0.2, until the checkpoint it was 0.1" in caplog.text


def test_a_schedule_that_is_over_before_the_checkpoint_is_named(caplog):
    make = SCHEDULES["OneCycleLR"][0]
    torn, resumed = Training(make), Training(make, total_steps=4)
    torn.train(5)
    resumed.progress.restore(torn.checkpoint(), 5)
    assert "lr_scheduler cannot be brought to step 5: Tried to step 5 times" in caplog.text


def test_steps_of_iterations_follow_the_new_length_of_an_epoch():
    make = SCHEDULES["PolynomialLR"][0]
    torn, resumed = Training(make), Training(make)
    torn.per_epoch = resumed.per_epoch = 1
    torn.train(2, per_epoch=3)
    assert torn.schedule.last_epoch == 6
    resumed.progress.restore(torn.checkpoint(per_epoch=3), iteration=4)  # two epochs of two
    assert resumed.schedule.last_epoch == 4
    assert resumed.optimizer.param_groups[0]["lr"] == pytest.approx(0.1 * (1 - 4 / LENGTH) ** 0.9)


def test_a_schedule_of_ignite_goes_on():
    def make(optimizer, end=0.0):
        return CosineAnnealingScheduler(optimizer, "lr", 0.1, end, 20)

    torn, resumed = Training(make), Training(make, end=0.05)
    for _ in range(5):
        torn.schedule(None)
    state = torn.checkpoint()
    resumed.progress.restore(state, 5)
    assert resumed.schedule.event_index == 5
    resumed.schedule(None)
    expected = 0.1 + (0.05 - 0.1) * 0.5 * (1 - math.cos(math.pi * 5 / 20))
    assert resumed.optimizer.param_groups[0]["lr"] == pytest.approx(expected)


@EVERY
def test_a_further_run_begins_the_schedule_anew(make, changed, caplog):
    once = Training(make)
    first = once.train(9)
    for _ in range(2):
        once.progress.restart()
        assert once.train(9) == first
    assert caplog.records == []


def test_a_further_run_restarts_what_follows_a_score():
    once = Training(plateau)
    first = once.train(9, on_score(SCORES))
    once.progress.restart()
    assert once.train(9, on_score(SCORES)) == first


def test_an_optimizer_keeps_the_configs_options_and_says_so(caplog):
    def make(decay):
        optimizer = torch.optim.AdamW([nn.Parameter(torch.ones(1))], lr=torch.tensor(0.1), weight_decay=decay)
        return optimizer, OptimizerProgress(optimizer, torch_schedules.ExponentialLR(optimizer, 0.5))

    (first, before), (second, progress) = make(0.1), make(0.5)
    first.param_groups[0]["params"][0].sum().backward()
    first.step()
    before.lr_scheduler.step()
    state = {"optimizer": first.state_dict(), "lr_scheduler": before.lr_scheduler.state_dict()}
    with caplog.at_level(logging.WARNING):
        progress.restore({**state, "epoch": 1, "iteration": 1}, 1)
    assert second.param_groups[0]["weight_decay"] == 0.5
    assert second.param_groups[0]["lr"] == pytest.approx(0.05)
    assert second.state_dict()["state"][0]["step"] == 1
    assert [r.getMessage() for r in caplog.records] == ["optimizer weight_decay=0.5, until the checkpoint it was 0.1"]


def test_other_parameters_are_refused_and_nothing_has_changed():
    torn = Training(None)
    other = torch.optim.SGD(nn.Linear(2, 1).parameters(), lr=0.3)
    with pytest.raises(ValueError, match="different number of parameter groups"):
        OptimizerProgress(other, None).restore(torn.checkpoint(), 0)
    assert other.param_groups[0]["lr"] == 0.3


def test_a_long_schedule_is_soon_there():
    make = SCHEDULES["WarmupCosineSchedule"][0]
    torn, resumed = Training(make, t_total=200_000), Training(make, t_total=200_000)
    state = torn.checkpoint() | {"epoch": 100, "iteration": 100_000}
    state["lr_scheduler"]["last_epoch"] = 100_000
    begin = time.process_time()
    resumed.progress.restore(state, 100_000)
    assert time.process_time() - begin < 20
    assert resumed.schedule.last_epoch == 100_000
