import json
import pickle
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from conftest import BUNDLES, REPOSITORY

import monai_attn

NETWORK = {"spatial_dims": 2, "in_channels": 1, "out_channels": 2, "channels": [4, 8], "strides": [2]}


def run_python(code: str, folder: Path | None = None) -> str:
    """Last line that a new interpreter prints."""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip().splitlines()[-1]


@pytest.mark.parametrize(
    ("before", "imports", "target"),
    [
        ("", [], "monai_attn.AttentionGatedUNet"),
        ("", ["$import monai_attn"], "AttentionGatedUNet"),
        ("from monai_attn import data", ["$import monai_attn"], "AttentionGatedUNet"),  # before MONAI, but used
    ],
)
def test_the_network_resolves_in_a_config(before, imports, target):
    config = {"imports": imports, "network_def": {"_target_": target, **NETWORK}}
    code = f"""
import json, sys
{before}
from monai.bundle import ConfigParser
assert {bool(before)} or not any(name.startswith("monai_attn") for name in sys.modules)
parser = ConfigParser(json.loads({json.dumps(config)!r}))
print(type(parser.get_parsed_content("network_def")).__module__)
"""
    assert run_python(code) == "monai_attn.networks.nets._attention_gated_unet"


def test_importing_it_loads_nothing_else_until_a_name_is_used():
    network = pickle.dumps(monai_attn.AttentionGatedUNet(**NETWORK))
    code = f"""
import sys
before = set(sys.modules)
import monai_attn
assert set(sys.modules) - before == {{"monai_attn"}}, set(sys.modules) - before
assert set(monai_attn.__all__) < set(dir(monai_attn))
assert not hasattr(monai_attn, "AttentionUnet")
assert "torch" not in sys.modules
import pickle
network = pickle.loads({network!r})
from monai_attn import bundle, AttentionGatedUNet
assert type(network) is AttentionGatedUNet
assert bundle is sys.modules["monai_attn.bundle"] is monai_attn.bundle
assert AttentionGatedUNet is monai_attn.networks.AttentionGatedUNet
for name in monai_attn.__all__:
    assert name in vars(monai_attn), name
exec("from monai_attn import *")
assert load_weights is monai_attn.load_weights
print("done")
"""
    assert run_python(code) == "done"


def test_importing_it_costs_next_to_nothing_beside_torch_and_monai():
    code = """
import sys, time
import torch, monai
before, start = set(sys.modules), time.process_time()
import monai_attn
seconds = time.process_time() - start
new = {name.split(".")[0] for name in set(sys.modules) - before}
print(seconds, *sorted(new))
"""
    seconds, *packages = run_python(code).split()
    assert set(packages) <= {"monai_attn", "fire", "termcolor"}  # MONAI's own command line needs fire, too
    tries = [float(seconds)]
    while min(tries) > 0.2 and len(tries) < 4:  # measured: 0.1 on a busy machine, which may take longer once
        tries.append(float(run_python(code).split()[0]))
    assert min(tries) <= 0.2


def test_it_is_typed_and_says_its_version():
    assert (Path(monai_attn.__file__).parent / "py.typed").is_file()
    assert monai_attn.__version__


def test_the_wheel_carries_the_bundles_and_finds_them(tmp_path):
    from hatchling.builders.wheel import WheelBuilder

    (wheel,) = WheelBuilder(str(REPOSITORY)).build(directory=str(tmp_path))
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "installed")
    shipped = {path.parents[1].name for path in BUNDLES.glob("*/configs/metadata.json")}
    home = tmp_path / "installed" / "monai_attn" / "bundles"
    assert {path.name for path in home.iterdir()} == shipped
    for name in shipped:
        parts = ("configs/train.json", "configs/logging.conf", "models/model.pt", "models/model.pt.sha256", "LICENSE")
        parts += ("docs/README.md", "docs/data_license.txt")
        assert [part for part in parts if not (home / name / part).is_file()] == []
        assert not (home / name / "eval").exists()
    assert not list((tmp_path / "installed").glob("tests*"))
    code = f"""
import sys
sys.path.insert(0, {str(tmp_path / "installed")!r})
from importlib.metadata import distributions
(wheel,) = distributions(path=sys.path[:1])
(command,) = wheel.entry_points.select(group="console_scripts", name="monai-attn")
main = command.load()
assert main(["list"]) == 0
for name in {sorted(shipped)!r}:
    assert main(["copy", name, "copies"]) == 0
import monai_attn
print(*(monai_attn.bundle.bundle_dir(name) for name in {sorted(shipped)!r}), sep=";")
"""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    assert run_python(code, elsewhere).split(";") == [str(home / name) for name in sorted(shipped)]
    assert {path.name for path in (elsewhere / "copies").iterdir()} == shipped
