import inspect
import json
import pkgutil
import subprocess
import sys
import zipfile
from importlib import import_module
from pathlib import Path

import pytest
from conftest import BUNDLES, REPOSITORY
from monai.bundle import ComponentLocator

import monai_attn

NETWORK = {"spatial_dims": 2, "in_channels": 1, "out_channels": 2, "channels": [4, 8], "strides": [2]}


def run_python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip().splitlines()[-1]


def defined_names() -> dict[str, str]:
    """Every class and function of ours that the locator can meet, private ones aside, and its module."""
    found = {}
    for module_info in pkgutil.walk_packages(monai_attn.__path__, "monai_attn."):
        if module_info.name.endswith("__main__"):
            continue
        module = import_module(module_info.name)
        for name, item in inspect.getmembers(module):
            own = (inspect.isclass(item) or inspect.isfunction(item)) and item.__module__ == module.__name__
            if own and not name.startswith("_"):
                assert name not in found, f"{name} is in {found[name]} and {module.__name__}"
                found[name] = module.__name__
    return found


def test_the_locator_knows_exactly_one_module_for_every_public_name():
    expected = defined_names()
    locator = ComponentLocator()
    assert {"AttentionGate", "AttentionGatedUNet", "load_weights", "ScoreTable", "demo"} <= set(expected)
    assert {name: locator.get_component_module_name(name) for name in expected} == expected


@pytest.mark.parametrize(
    ("imports", "target"), [([], "monai_attn.AttentionGatedUNet"), (["$import monai_attn"], "AttentionGatedUNet")]
)
def test_the_network_resolves_in_a_config(imports, target):
    config = {"imports": imports, "network_def": {"_target_": target, **NETWORK}}
    code = f"""
import json, sys
from monai.bundle import ConfigParser
assert not any(name.startswith("monai_attn") for name in sys.modules)
parser = ConfigParser(json.loads({json.dumps(config)!r}))
print(type(parser.get_parsed_content("network_def")).__module__)
"""
    assert run_python(code) == "monai_attn.networks.nets._attention_gated_unet"


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
    assert packages == ["monai_attn"]  # no other package is loaded with it
    tries = [float(seconds)]
    while min(tries) > 0.1 and len(tries) < 4:  # a busy machine may take a while once
        tries.append(float(run_python(code).split()[0]))
    assert min(tries) <= 0.1


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
        code = f"import sys; sys.path.insert(0, {str(tmp_path / 'installed')!r}); import monai_attn"
        assert run_python(f"{code}; print(monai_attn.bundle.bundle_dir({name!r}))") == str(home / name)
    assert not list((tmp_path / "installed").glob("tests*"))
