"""Every kind of learning rate schedule, and a training that has only an optimizer and one of these."""

import io

import torch
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
