"""What holds for every bundle, so that a new one is covered by being there."""

import json
import re
import shutil
from pathlib import Path

import pytest
import torch
from conftest import BUNDLES, REPOSITORY
from monai.bundle import ConfigParser, ConfigWorkflow, load

from monai_attn import load_weights

ROOTS = sorted(path.parents[1] for path in BUNDLES.glob("*/configs/metadata.json"))
CONFIGS = [path for root in ROOTS for path in sorted(root.glob("configs/*.json")) if path.name != "metadata.json"]
WORKFLOWS = {"train": "train", "evaluate": "inference", "inference": "inference"}


def bundle_id(path: Path) -> str:
    return str(path.relative_to(BUNDLES))


def strings(node) -> list[str]:
    if isinstance(node, dict):
        return [s for key, value in node.items() for s in (key, *strings(value))]
    if isinstance(node, list):
        return [s for value in node for s in strings(value)]
    return [node] if isinstance(node, str) else []


@pytest.fixture(params=ROOTS, ids=bundle_id)
def root(request) -> Path:
    return request.param


@pytest.fixture(params=CONFIGS, ids=bundle_id)
def config(request) -> Path:
    return request.param


def test_the_bundle_is_complete(root):
    wanted = {"configs/logging.conf", "docs/README.md", "docs/data_license.txt", "LICENSE", "models/model.pt"}
    wanted |= {f"configs/{name}.json" for name in WORKFLOWS}
    assert sorted(name for name in wanted if not (root / name).is_file()) == []
    assert (root / "models" / "model.pt").stat().st_size < 25e6


@pytest.mark.parametrize("name", WORKFLOWS)
def test_monais_properties_are_there_without_data_and_without_writing(root, name, tmp_path, monkeypatch):
    root = Path(shutil.copytree(root, tmp_path / root.name))
    before = sorted(tmp_path.rglob("*"))
    monkeypatch.chdir(tmp_path)
    workflow = ConfigWorkflow(
        str(root / "configs" / f"{name}.json"),
        workflow_type=WORKFLOWS[name],
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
        name: ConfigParser(ConfigParser.load_config_file(root / "configs" / f"{name}.json")) for name in WORKFLOWS
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
    parsers = {name: ConfigParser.load_config_file(root / "configs" / f"{name}.json") for name in WORKFLOWS}
    names = ("_target_", "axcodes", "pixdim", "lower", "upper")

    def steps(transforms):
        return [{key: step[key] for key in names if key in step} for step in transforms]

    used = steps(parsers["inference"]["preprocessing"]["transforms"])
    assert steps(parsers["evaluate"]["preprocessing"]["transforms"]) == used
    assert steps(parsers["train"]["train"]["preprocessing"]["transforms"])[: len(used)] == used
    assert f"[:{len(used)}]" in parsers["train"]["validate"]["preprocessing"]["transforms"]


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
