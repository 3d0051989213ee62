"""A resumed schedule has the rates of one that never stopped, and the config's where that has changed."""

import io
import logging
import math
import time

import pytest
import torch
from ignite.handlers import CosineAnnealingScheduler
from monai.optimizers import ExponentialLR as MonaiExponentialLR
from monai.optimizers import LinearLR as MonaiLinearLR
from monai.optimizers import WarmupCosineSchedule
from torch import nn
from torch.optim import lr_scheduler as torch_schedules

from monai_attn.handlers._restore import OptimizerProgress

LENGTH = 12


def sequential(optimizer, warmup=3):
    parts = [torch_schedules.LinearLR(optimizer, 0.1, 1.0, warmup), torch_schedules.ExponentialLR(optimizer, 0.7)]
    return torch_schedules.SequentialLR(optimizer, parts, [warmup])


def chained(optimizer, gamma=0.9):
    parts = [torch_schedules.ConstantLR(optimizer, 0.5, 4), torch_schedules.ExponentialLR(optimizer, gamma)]
    return torch_schedules.ChainedScheduler(parts, optimizer)


def nested(optimizer, warmup=2):
    return torch_schedules.ChainedScheduler([sequential(optimizer, warmup), torch_schedules.StepLR(optimizer, 2)])


class Decay:
    """A callable with settings of its own, which the schedule saves."""

    def __init__(self, factor: float = 0.9) -> None:
        self.factor = factor

    def __call__(self, epoch):
        return self.factor**epoch


def schedule(name: str, **old):
    return lambda optimizer, **changed: getattr(torch_schedules, name)(optimizer, **{**old, **changed})


# How a config makes it, and what a user changes in it.
SCHEDULES = {
    "PolynomialLR": (schedule("PolynomialLR", total_iters=LENGTH, power=0.9), {"total_iters": 20}),
    "PolynomialLR power": (schedule("PolynomialLR", total_iters=LENGTH, power=0.9), {"power": 2.0}),
    "LinearLR": (schedule("LinearLR", start_factor=1.0, end_factor=0.1, total_iters=LENGTH), {"end_factor": 0.5}),
    "LinearLR start": (schedule("LinearLR", start_factor=0.5, total_iters=LENGTH), {"start_factor": 0.1}),
    "ConstantLR": (schedule("ConstantLR", factor=0.5, total_iters=8), {"factor": 0.25}),
    "StepLR": (schedule("StepLR", step_size=3, gamma=0.5), {"step_size": 2}),
    "MultiStepLR": (schedule("MultiStepLR", milestones=[3, 6], gamma=0.5), {"milestones": [2, 4]}),
    "ExponentialLR": (schedule("ExponentialLR", gamma=0.9), {"gamma": 0.8}),
    "CosineAnnealingLR": (schedule("CosineAnnealingLR", T_max=LENGTH), {"eta_min": 0.01}),
    "CosineAnnealingWarmRestarts": (schedule("CosineAnnealingWarmRestarts", T_0=3, T_mult=2), {"T_0": 4}),
    "LambdaLR": (schedule("LambdaLR", lr_lambda=lambda epoch: 0.9**epoch), {"lr_lambda": lambda epoch: 0.8**epoch}),
    "LambdaLR object": (schedule("LambdaLR", lr_lambda=Decay()), {"lr_lambda": Decay(0.8)}),
    "MultiplicativeLR": (schedule("MultiplicativeLR", lr_lambda=lambda _: 0.9), {"lr_lambda": lambda _: 0.8}),
    "CyclicLR": (schedule("CyclicLR", base_lr=0.01, max_lr=0.1, step_size_up=3), {"max_lr": 0.2}),
    "OneCycleLR": (schedule("OneCycleLR", max_lr=0.1, total_steps=LENGTH), {"total_steps": 20}),
    "SequentialLR": (sequential, {"warmup": 2}),
    "ChainedScheduler of SequentialLR": (nested, {"warmup": 4}),
    "ChainedScheduler": (chained, {"gamma": 0.8}),
    "SWALR": (
        lambda optimizer, **new: torch.optim.swa_utils.SWALR(optimizer, **{"swa_lr": 0.05, **new}),
        {"swa_lr": 0.01},
    ),
    "WarmupCosineSchedule": (
        lambda optimizer, **new: WarmupCosineSchedule(optimizer, **{"warmup_steps": 3, "t_total": LENGTH, **new}),
        {"t_total": 20},
    ),
    "MONAI's LinearLR": (
        lambda optimizer, **new: MonaiLinearLR(optimizer, **{"end_lr": 0.01, "num_iter": LENGTH, **new}),
        {"end_lr": 0.05},
    ),
    "MONAI's ExponentialLR": (
        lambda optimizer, **new: MonaiExponentialLR(optimizer, **{"end_lr": 0.01, "num_iter": LENGTH, **new}),
        {"end_lr": 0.05},
    ),
}
EVERY = pytest.mark.parametrize(("make", "changed"), SCHEDULES.values(), ids=SCHEDULES)


class Training:
    """An optimizer of two groups with its schedule, and what happens to them epoch by epoch."""

    def __init__(self, make, lr: float = 0.1, **changed) -> None:
        groups = [{"params": nn.Linear(2, 1).parameters()}, {"params": nn.Linear(1, 1).parameters(), "lr": lr / 4}]
        self.optimizer = torch.optim.SGD(groups, lr=lr, momentum=0.9)
        self.schedule = make(self.optimizer, **changed) if make else None
        self.progress = OptimizerProgress(self.optimizer, self.schedule)
        self.epoch = self.per_epoch = 0

    def train(self, epochs: int, step=lambda schedule: schedule.step(), per_epoch: int = 1) -> list:
        """Rates and momenta at the start of each epoch."""
        seen = []
        for _ in range(epochs):
            seen.append([(group["lr"], group["momentum"]) for group in self.optimizer.param_groups])
            for index in range(per_epoch):
                for group in self.optimizer.param_groups:
                    for parameter in group["params"]:
                        parameter.grad = torch.ones_like(parameter)
                self.optimizer.step()
                if self.schedule is not None and (index == 0 or self.per_epoch):
                    step(self.schedule)
            self.epoch += 1
        return seen

    def checkpoint(self, per_epoch: int = 1) -> dict:
        buffer = io.BytesIO()
        state = {
            "optimizer": self.optimizer.state_dict(),
            "lr_scheduler": self.schedule and self.schedule.state_dict(),
            "epoch": self.epoch,
            "iteration": self.epoch * per_epoch,
        }
        torch.save(state, buffer)
        buffer.seek(0)
        return torch.load(buffer, weights_only=True)


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
