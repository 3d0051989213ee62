"""What holds for every bundle, so that a new one is covered by being there."""

import json
import re
import shutil
from pathlib import Path

import pytest
import torch
from conftest import BUNDLES, REPOSITORY, SHIPPED
from monai.bundle import ConfigParser, ConfigWorkflow, load

from monai_attn import load_weights
from monai_attn.bundle import _command_line as command_line
from monai_attn.bundle import render, rendered_files

CONFIGS = [path for b in SHIPPED for path in sorted(b.root.glob("configs/*.json")) if path.name != "metadata.json"]
STANDALONE = {"train": "train", "evaluate": "inference", "inference": "inference"}
OVERLAYS = {
    "finetune": "train",
    "resume": "train",
    "multi_gpu_train": "train",
    "tracking_mlflow": "train",
    "tracking_tensorboard": "train",
    "multi_gpu_evaluate": "evaluate",
    "inference_probabilities": "inference",
    "inference_ensemble": "inference",
}


def strings(node) -> list[str]:
    if isinstance(node, dict):
        return [s for key, value in node.items() for s in (key, *strings(value))]
    if isinstance(node, list):
        return [s for value in node for s in strings(value)]
    return [node] if isinstance(node, str) else []


def components(node) -> list[dict]:
    if isinstance(node, dict):
        inner = [c for value in node.values() for c in components(value)]
        return [node, *inner] if "_target_" in node else inner
    return [c for value in node for c in components(value)] if isinstance(node, list) else []


@pytest.fixture
def root(shipped) -> Path:
    return shipped.root


@pytest.fixture(params=CONFIGS, ids=lambda path: str(path.relative_to(BUNDLES)))
def config(request) -> Path:
    return request.param


def test_rendering_changes_nothing(root):
    assert render(root, write=False) == []
    assert {path.name for path in (root / "configs").iterdir()} == set(rendered_files(root))


def test_the_bundle_is_complete(root):
    wanted = {"configs/logging.conf", "docs/README.md", "docs/data_license.txt", "LICENSE", "models/model.pt"}
    wanted |= {"models/model.pt.sha256"} | {f"configs/{name}.json" for name in (*STANDALONE, *OVERLAYS)}
    assert sorted(name for name in wanted if not (root / name).is_file()) == []
    assert (root / "models" / "model.pt").stat().st_size < 25e6


@pytest.mark.parametrize("name", STANDALONE)
def test_monais_properties_are_there_without_data_and_without_writing(root, name, tmp_path, monkeypatch):
    root = Path(shutil.copytree(root, tmp_path / root.name))
    before = sorted(tmp_path.rglob("*"))
    monkeypatch.chdir(tmp_path)
    workflow = ConfigWorkflow(
        str(root / "configs" / f"{name}.json"),
        workflow_type=STANDALONE[name],
        logging_file=False,
        bundle_root=str(root),
        dataset_dir=str(tmp_path / "absent"),
    )
    workflow.initialize()
    assert workflow.check_properties() == []
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("workflow_type", ["train", "inference"])
def test_monais_load_gives_the_network_with_its_weights(root, workflow_type):
    network = load(root.name, bundle_dir=str(root.parent), workflow_type=workflow_type, device="cpu")
    weights = torch.load(root / "models" / "model.pt", weights_only=True)
    assert all(torch.equal(tensor, weights[name]) for name, tensor in network.state_dict().items())


def test_the_network_is_what_the_metadata_say_and_takes_the_weights(root):
    parsers = {
        name: ConfigParser(ConfigParser.load_config_file(root / "configs" / f"{name}.json")) for name in STANDALONE
    }
    definitions = [parser["network_def"] for parser in parsers.values()]
    assert all(definition == definitions[0] for definition in definitions)
    data_format = json.loads((root / "configs" / "metadata.json").read_text())["network_data_format"]
    image, pred = data_format["inputs"]["image"], data_format["outputs"]["pred"]
    network = parsers["inference"].get_parsed_content("network_def").eval()
    load_weights(network, root / "models" / "model.pt")
    with torch.no_grad():
        logits = network(torch.zeros(1, image["num_channels"], *image["spatial_shape"]))
    assert logits.shape == (1, pred["num_channels"], *pred["spatial_shape"])
    assert len(pred["channel_def"]) == pred["num_channels"]
    assert list(pred["channel_def"].values())[1:] == parsers["train"]["class_names"]


def test_preprocessing_is_the_same_in_training_and_use(root):
    parsers = {name: ConfigParser.load_config_file(root / "configs" / f"{name}.json") for name in STANDALONE}
    assert parsers["train"]["image_transforms"] == parsers["inference"]["image_transforms"]
    assert parsers["evaluate"]["image_transforms"] == parsers["inference"]["image_transforms"]
    for name, node in (("train", "train"), ("train", "validate"), ("evaluate", None), ("inference", None)):
        config = parsers[name] if node is None else parsers[name][node]
        assert config["preprocessing"]["transforms"].startswith(("$@loading + @image", "$@train::loading + @image"))


def test_every_component_is_public_and_takes_its_arguments(config):
    for component in components(json.loads(config.read_text())):
        target = component["_target_"]
        assert "._" not in target
        given = [name for name in component if not name.startswith("_")]
        known, takes_any = command_line.component_arguments(target)
        assert takes_any or set(given) <= set(known), f"{target} does not take {set(given) - set(known)}"


def test_every_metric_that_is_asked_for_is_there(root):
    for name in ("train", "evaluate"):
        content = json.loads((root / "configs" / f"{name}.json").read_text())
        node = content["validate"] if name == "train" else content
        (table,) = [handler for handler in node["handlers"] if handler["_target_"].endswith("ScoreTable")]
        metrics = table.get("metrics", {"dice": "val_mean_dice"})
        assert set(metrics.values()) == {*node["key_metric"], *node.get("additional_metrics", {})}


def test_overlays_say_what_they_go_over(root):
    for name, base in OVERLAYS.items():
        content = json.loads((root / "configs" / f"{name}.json").read_text())
        assert content["overlay_of"] == base
        assert not any("::" in key for key in content)  # on the wrong base, MONAI would fail before our message


def test_the_metadata_follow_the_zoos_schema(root):
    import jsonschema

    schema = REPOSITORY.parent / "shared" / "schema" / "meta_schema_20240725.json"
    if not schema.is_file():
        pytest.skip(f"the model zoo's schema is not at {schema}")
    metadata = json.loads((root / "configs" / "metadata.json").read_text())
    jsonschema.validate(metadata, json.loads(schema.read_text()))


def test_versions_are_those_of_the_tested_set(root):
    lines = (REPOSITORY / "constraints.txt").read_text().splitlines()
    tested = dict(line.split("==") for line in lines if "==" in line)
    metadata = json.loads((root / "configs" / "metadata.json").read_text())
    said = {k: metadata[f"{v}_version"] for k, v in (("monai", "monai"), ("torch", "pytorch"), ("numpy", "numpy"))}
    said |= {k: v for k, v in metadata["required_packages_version"].items() if k != "monai-attn"}
    assert said == {name: tested[name] for name in said}


def test_configs_stay_readable_and_portable(config):
    for text in strings(json.loads(config.read_text())):
        assert len(text) <= 120, text
        assert not re.search(r"^[/~]|(?<!\+ )['\"][/~]|[A-Za-z]:\\", text), f"absolute path in {text!r}"
        assert "#" not in text, f"old separator in {text!r}"
        assert not text.startswith("%"), f"macro in {text!r}"
        assert not re.search(r"\._", text), f"private name in {text!r}"


@pytest.mark.parametrize(
    "network",
    [
        "$monai_attn.AttentionGatedUNet(@dims, @channels_in, @channels_out, channels=[4, 8], strides=[2])",
        {"_target_": "UNet", "spatial_dims": "@dims", "in_channels": "@channels_in", "out_channels": "@channels_out"}
        | {"channels": [4, 8], "strides": [2]},
    ],
    ids=["an expression", "one of MONAI's"],
)
def test_any_network_will_do(bundle, bundle_data, tmp_path, network):
    """Nothing in the configs needs literal arguments of ``network_def``."""
    image = bundle.metadata["network_data_format"]["inputs"]["image"]
    numbers = {"dims": bundle.spatial_dims, "channels_in": image["num_channels"], "channels_out": bundle.num_classes}
    options = {"dataset_dir": str(bundle_data()), "network_def": network, **numbers}
    bundle.run("train", output_dir=str(tmp_path / "run"), max_epochs=1, val_interval=1, **options)
    options["ckpt_path"] = str(tmp_path / "run" / "model.pt")
    bundle.run("evaluate", output_dir=str(tmp_path / "scores"), **options)
    bundle.run("inference", output_dir=str(tmp_path / "labels"), **options)
    assert len(list((tmp_path / "labels").glob("*.nii.gz"))) == 4


def test_train_is_short_enough_to_read(root):
    text = (root / "configs" / "train.json").read_text()
    assert len(text.splitlines()) <= 300
    assert len(json.loads(text)) <= 40
