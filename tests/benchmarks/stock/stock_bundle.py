"""A bundle in the manner of MONAI's model zoo, of MONAI's parts alone, and a way to run it at the command line."""

import json
import os
import re
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from monai.bundle import ConfigParser

KEYS = ["image", "label"]
PATIENCE = 240  # seconds
EXPECTED = "FutureWarning|parsing config_file"  # warnings of every run


def part(target: str, **arguments: Any) -> dict[str, Any]:
    return {"_target_": target, **arguments}


def loading(keys: list[str]) -> list[dict[str, Any]]:
    modes = ["bilinear", "nearest"][: len(keys)]
    return [
        part("LoadImaged", keys=keys),
        part("EnsureChannelFirstd", keys=keys),
        part("Orientationd", keys=keys, axcodes="RAS"),
        part("Spacingd", keys=keys, pixdim=[1.0, 1.0, 1.0], mode=modes),
        part("ScaleIntensityd", keys="image"),
        part("EnsureTyped", keys=keys),
    ]


def train_config() -> dict[str, Any]:
    """Images and labels are listed and zipped in their sort order, as the zoo does; the last two validate."""
    pair = "$monai.handlers.from_engine(['pred', 'label'])"
    crop = part("RandCropByPosNegLabeld", keys=KEYS, label_key="label", spatial_size="@patch_size", num_samples=2)
    discrete = part("AsDiscreted", keys=["pred", "label"], argmax=[True, False], to_onehot="@network_def::out_channels")
    post = part("Compose", transforms=[part("Activationsd", keys="pred", softmax=True), discrete])
    saver = part("CheckpointSaver", save_dir="@ckpt_dir", save_dict={"model": "@network"}, save_key_metric=True)
    return {
        **common(),
        "images": "$sorted(glob.glob(@dataset_dir + '/images/*.nii.gz'))",
        "labels": "$sorted(glob.glob(@dataset_dir + '/labels/*.nii.gz'))",
        "pairs": "$[{'image': i, 'label': k} for i, k in zip(@images, @labels)]",
        "patch_size": [8, 8, 8],
        "max_epochs": 3,
        "num_workers": 0,
        "loss": part("DiceCELoss", to_onehot_y=True, softmax=True),
        "optimizer": part("torch.optim.Adam", params="$@network.parameters()", lr=0.01),
        "train": {
            "preprocessing": part("Compose", transforms=[*loading(KEYS), crop]),
            "dataset": part("CacheDataset", data="$@pairs[:-2]", transform="@train::preprocessing", num_workers=2),
            "dataloader": part(
                "DataLoader", dataset="@train::dataset", batch_size=2, shuffle=True, num_workers="@num_workers"
            ),
            "handlers": [
                part("ValidationHandler", validator="@validate::evaluator", epoch_level=True, interval=1),
                part(
                    "StatsHandler",
                    tag_name="train_loss",
                    output_transform="$monai.handlers.from_engine(['loss'], first=True)",
                ),
            ],
            "trainer": part(
                "SupervisedTrainer",
                max_epochs="@max_epochs",
                device="@device",
                train_data_loader="@train::dataloader",
                network="@network",
                loss_function="@loss",
                optimizer="@optimizer",
                inferer=part("SimpleInferer"),
                postprocessing=post,
                key_train_metric={"train_accuracy": part("ignite.metrics.Accuracy", output_transform=pair)},
                train_handlers="@train::handlers",
            ),
        },
        "validate": {
            "dataset": part("CacheDataset", data="$@pairs[-2:]", transform=part("Compose", transforms=loading(KEYS))),
            "evaluator": part(
                "SupervisedEvaluator",
                device="@device",
                val_data_loader=part("DataLoader", dataset="@validate::dataset", batch_size=1),
                network="@network",
                inferer=part("SlidingWindowInferer", roi_size="@patch_size", sw_batch_size=4, overlap=0.5),
                postprocessing=post,
                key_val_metric={
                    "val_mean_dice": part("MeanDice", include_background=False, output_transform=pair),
                },
                val_handlers=[
                    part("StatsHandler", iteration_log=False),
                    {**saver, "key_metric_filename": "model.pt"},
                ],
            ),
        },
        "run": ["$@train::trainer.run()"],
    }


def inference_config() -> dict[str, Any]:
    back = part("Invertd", keys="pred", transform="@preprocessing", orig_keys="image", nearest_interp=False)
    save = part("SaveImaged", keys="pred", output_dir="@output_dir", output_postfix="seg", output_dtype="@output_dtype")
    post = [part("Activationsd", keys="pred", softmax=True), back, part("AsDiscreted", keys="pred", argmax=True), save]
    return {
        **common(),
        "datalist": "$sorted(glob.glob(@dataset_dir + '/images/*.nii.gz'))",
        "output_dtype": "$numpy.float32",
        "preprocessing": part("Compose", transforms=loading(["image"])),
        "dataset": part("Dataset", data="$[{'image': i} for i in @datalist]", transform="@preprocessing"),
        "evaluator": part(
            "SupervisedEvaluator",
            device="@device",
            val_data_loader=part("DataLoader", dataset="@dataset", batch_size=1),
            network="@network",
            inferer=part("SlidingWindowInferer", roi_size=[8, 8, 8], sw_batch_size=4, overlap=0.5),
            postprocessing=part("Compose", transforms=post),
            val_handlers=[part("StatsHandler", iteration_log=False)],
        ),
        "checkpointloader": part(
            "CheckpointLoader", load_path="$@ckpt_dir + '/model.pt'", load_dict={"model": "@network"}
        ),
        "initialize": ["$monai.utils.set_determinism(seed=123)", "$@checkpointloader(@evaluator)"],
        "run": ["$@evaluator.run()"],
    }


def common() -> dict[str, Any]:
    network = part("UNet", spatial_dims=3, in_channels=1, out_channels=3, channels=[4, 8], strides=[2], norm="batch")
    return {
        "imports": ["$import glob", "$import os", "$import numpy"],
        "bundle_root": ".",
        "ckpt_dir": "$@bundle_root + '/models'",
        "output_dir": "$@bundle_root + '/eval'",
        "dataset_dir": "_given at the command line_",
        "device": "$torch.device('cuda:0' if torch.cuda.is_available() else 'cpu')",
        "network_def": network,
        "network": "$@network_def.to(@device)",
        "initialize": ["$monai.utils.set_determinism(seed=123)"],
    }


@dataclass
class Outcome:
    """What a run said and wrote."""

    status: int
    out: str
    written: list[str]

    def __str__(self) -> str:
        lines = [line.strip() for line in self.out.splitlines() if line.strip()]
        losses = re.findall(r"train_loss: (\S+)", self.out)
        scores = re.findall(r"val_mean_dice: (\S+)", self.out)
        numbers = f"loss {losses[0]} .. {losses[-1]}, " if losses else ""
        numbers += f"Dice {' '.join(scores)}; " if scores else ""
        wrote = f"wrote {self.written or 'nothing'}; {len(lines)} lines"
        errors = [line for line in lines if re.match(r"[\w.]*(Error|Exception|Interrupt)\b", line)]
        failed = f", first error: {errors[0][:250]!r}, last line: {lines[-1][:80]!r}" if errors else ""
        alarms = {line[:160] for line in lines if re.search(r"Warning:", line) and not re.search(EXPECTED, line)}
        return f"status {self.status}; {numbers}{wrote}{failed}" + (f", warned: {sorted(alarms)}" if alarms else "")


class StockBundle:
    """The bundle in a folder of its own."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for name, config in (("train", train_config()), ("inference", inference_config())):
            (root / "configs").mkdir(parents=True, exist_ok=True)
            (root / "configs" / f"{name}.json").write_text(json.dumps(config, indent=4))

    def start(self, config: str, data: Path, memory_gb: float | None = None, **options: Any) -> subprocess.Popen[str]:
        (self.root / "models").mkdir(exist_ok=True)
        overrides = {"bundle_root": self.root, "dataset_dir": data, **options}
        words = [word for key, value in overrides.items() for word in (f"--{key}", str(value))]
        limit: Callable[[], None] | None = None
        if memory_gb:
            most = int(memory_gb * 1e9)
            limit = lambda: resource.setrlimit(resource.RLIMIT_AS, (most, most))  # noqa: E731
        file = str(self.root / "configs" / f"{config}.json")
        return subprocess.Popen(
            [sys.executable, "-m", "monai.bundle", "run", "--config_file", file, *words],
            cwd=self.root,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            preexec_fn=limit,
        )

    def finish(self, process: subprocess.Popen[str], since: float) -> Outcome:
        try:
            out, _ = process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            out, _ = process.communicate()
            out += f"\nError: still running after {PATIENCE} s"
        files = sorted(p for folder in ("models", "eval") for p in (self.root / folder).rglob("*") if p.is_file())
        written = [f"{p.relative_to(self.root)}" for p in files if p.stat().st_mtime >= since]
        return Outcome(process.returncode, out, written)

    def run(self, config: str, data: Path, **options: Any) -> Outcome:
        since = time.time() - 0.01
        return self.finish(self.start(config, data, **options), since)

    def run_until(self, data: Path, wanted: str, then: Callable[[int], None], **options: Any) -> Outcome:
        """Train; when a line of the log has ``wanted``, do something to the process."""
        since, seen, done = time.time() - 0.01, "", False
        process = self.start("train", data, **options)
        assert process.stdout is not None
        watch = threading.Timer(PATIENCE, process.kill)
        watch.start()
        for line in process.stdout:
            seen += line
            if wanted in line and not done:
                then(process.pid)
                done = True
        watch.cancel()
        outcome = self.finish(process, since)
        outcome.out = seen
        return outcome

    def pairs(self, data: Path) -> list[tuple[str, str]]:
        """What the config makes of a folder: names of image and label."""
        parser = ConfigParser({**train_config(), "dataset_dir": str(data)})
        return [(Path(p["image"]).name, Path(p["label"]).name) for p in parser.get_parsed_content("pairs")]


def children(pid: int) -> list[int]:
    path = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(word) for word in path.read_text().split()]


def stop(number: signal.Signals) -> Callable[[int], None]:
    return lambda pid: os.kill(pid, number)
