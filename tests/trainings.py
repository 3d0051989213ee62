"""Trainings of shipped bundles on small data: to start, to interrupt and to compare."""

import os
import signal
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import BUNDLES, Bundle
from monai.bundle import ConfigParser, ConfigWorkflow

from monai_attn.errors import TrainingInterrupted, root_cause

EPOCHS = 4
HIPPOCAMPUS = Bundle(BUNDLES / "hippocampus_mri_attn_segmentation")


def parser(name: str, root, **overrides) -> ConfigParser:
    """A config of the bundle, with nothing built yet."""
    config = ConfigParser()
    config.read_config(HIPPOCAMPUS.configs(name))
    config.update({"bundle_root": str(HIPPOCAMPUS.root), "dataset_dir": str(root), **overrides})
    return config


def start(root, **overrides) -> None:
    """All that a training run does before its first step."""
    config = parser("train", root, output_dir=str(root / "out"), **overrides)
    try:
        trainer = config.get_parsed_content("train::trainer")
        trainer._run = lambda: None
        trainer.run()
    except RuntimeError as error:
        raise root_cause(error) from error


def workflow(bundle: Bundle, dataset: Path, out: Path, *overlays: str, **overrides: Any) -> ConfigWorkflow:
    options = {"patch_size": [40, 40], "batch_size": 3, "max_epochs": EPOCHS, "num_workers": 0, **overrides}
    training = ConfigWorkflow(
        config_file=bundle.configs("train", *overlays),
        meta_file=bundle.configs("metadata")[0],
        workflow_type="train",
        properties_path=None,
        bundle_root=str(bundle.root),
        dataset_dir=str(dataset),
        output_dir=str(out),
        **options,
    )
    training.initialize()
    return training


def interrupt(training: ConfigWorkflow, event: Any, number: int = signal.SIGTERM) -> None:
    """Run until a signal comes at an event."""
    trainer = training.parser.get_parsed_content("train::trainer")
    trainer.add_event_handler(event, lambda: os.kill(os.getpid(), number))
    with pytest.raises(RuntimeError) as caught:
        training.run()
    error = root(caught.value)
    assert isinstance(error, TrainingInterrupted)
    assert "go on with resume.json" in str(error)
    assert error.status == 128 + number


def last_state(out: Path) -> dict[str, Any]:
    return torch.load(max(out.glob("checkpoint_epoch*.pt")), weights_only=True)


def assert_equal(one: Any, other: Any, where: str = "") -> None:
    assert type(one) is type(other), where
    if isinstance(one, dict):
        assert list(one) == list(other), where
        for key in one:
            assert_equal(one[key], other[key], f"{where}.{key}")
    elif isinstance(one, list | tuple):
        assert len(one) == len(other), where
        for index, pair in enumerate(zip(one, other, strict=True)):
            assert_equal(*pair, f"{where}[{index}]")
    elif isinstance(one, torch.Tensor):
        assert torch.equal(one, other), where
    else:
        assert one == other, where


def root(error: BaseException) -> BaseException:
    while error.__cause__ is not None:
        error = error.__cause__
    return error
