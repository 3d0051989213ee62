"""Names that users and configs may write: each leads to what its package exports, on every Python.

``pydoc.locate``, with which MONAI resolves a ``_target_``, prefers a module to a function of the same name from Python
3.12 on. So no public name may be that of a module, too.
"""

import inspect
import json
import pkgutil
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from pydoc import locate
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from conftest import BUNDLES, save_nifti
from monai.bundle import ComponentLocator

import monai_attn
from monai_attn.bundle import plan
from monai_attn.demos import generate_data

MODULES = sorted(
    info.name for info in pkgutil.walk_packages(monai_attn.__path__, "monai_attn.") if info.name[-8:] != "__main__"
)
PUBLIC_MODULES = ["monai_attn", *(name for name in MODULES if "._" not in name)]
PUBLIC = {
    f"{module}.{name}": (module, name)
    for module in PUBLIC_MODULES
    for name in getattr(import_module(module), "__all__", [])
}


def exported(name: str) -> Any:
    """What a package exports under a dotted name; ``None`` for a name that is in no ``__all__``."""
    module, attribute = PUBLIC.get(name, (name, ""))
    return getattr(import_module(module), attribute) if attribute else None


def test_every_public_name_leads_to_what_its_package_exports():
    wrong = {name: locate(name) for name in PUBLIC if locate(name) is not exported(name)}
    assert wrong == {}
    dead = [name for name in PUBLIC if not (callable(exported(name)) or isinstance(exported(name), ModuleType))]
    assert [name for name in dead if not name.rpartition(".")[2].isupper()] == []  # constants are in capitals


def test_every_public_name_resolves_where_nothing_was_imported_before():
    code = f"""
import sys
from importlib import import_module
from pydoc import locate
for name, (module, attribute) in {PUBLIC!r}.items():
    found = locate(name)
    assert found is not None and found is getattr(import_module(module), attribute), name + f" is {{found}}"
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr.splitlines()[-1]


def test_no_public_name_of_a_package_is_that_of_a_module_in_it():
    clashes = []
    for name in ["monai_attn", *MODULES]:
        package = import_module(name)
        for info in pkgutil.iter_modules(getattr(package, "__path__", [])):
            own = name == "monai_attn" and info.ispkg  # the top exports its packages
            if info.name in getattr(package, "__all__", []) and not own:
                clashes.append(f"{name}.{info.name}")
    assert clashes == []


def test_every_public_package_is_reached_from_the_top():
    packages = {info.name for info in pkgutil.iter_modules(monai_attn.__path__) if info.ispkg}
    assert packages - set(monai_attn.__all__) == {"cli", "demos"}  # programs, not parts


def defined_names() -> dict[str, str]:
    """Every class and function of ours that the locator can meet, private ones aside, and its module."""
    found: dict[str, str] = {}
    for module_name in MODULES:
        module = import_module(module_name)
        for name, item in inspect.getmembers(module):
            own = (inspect.isclass(item) or inspect.isfunction(item)) and item.__module__ == module_name
            if own and not name.startswith("_"):
                assert name not in found, f"{name} is in {found[name]} and {module_name}"
                found[name] = module_name
    return found


def test_monais_locator_knows_exactly_one_module_for_every_name_of_ours():
    expected = defined_names()
    locator = ComponentLocator()
    assert {"AttentionGate", "AttentionGatedUNet", "load_weights", "ScoreTable", "demo"} <= set(expected)
    located = {name: locator.get_component_module_name(name) for name in expected}
    assert {name: modules for name, modules in located.items() if modules != expected[name]} == {}


@pytest.fixture(scope="module")
def planned(tmp_path_factory) -> list[Path]:
    """Folders of planned bundles: 3D of each modality, and 2D."""
    root = tmp_path_factory.mktemp("planned")
    generate_data(root / "volumes", root / "new", cases=4)
    rng = np.random.default_rng(0)
    for index in range(4):
        label = rng.integers(0, 2, (40, 36)).astype("uint8")
        save_nifti(root / "slices" / "imagesTr" / f"{index}.nii.gz", (50 * label + rng.normal(0, 5, label.shape)))
        save_nifti(root / "slices" / "labelsTr" / f"{index}.nii.gz", label)
    return [
        plan(root / data, f"{data}_{modality}", root, modality=modality, hours=0.0005, device="cpu").bundle_root
        for data, modality in (("volumes", "CT"), ("volumes", "MR"), ("slices", "MR"))
    ]


def strings(content: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """Every text of a config, with the key that it stands under."""
    if isinstance(content, dict):
        for inner, value in content.items():
            yield from strings(value, inner)
    elif isinstance(content, list):
        for value in content:
            yield from strings(value, key)
    elif isinstance(content, str):
        yield key, content


def unresolved(folder: Path) -> tuple[int, list[str]]:
    """How many names the configs of a folder have, and which lead nowhere."""
    locator, wrong, count = ComponentLocator(), [], 0
    for path in sorted(folder.glob("*.json")):
        for key, text in strings(json.loads(path.read_text(encoding="utf-8"))):
            names = re.findall(r"\bmonai_attn(?:\.\w+)+", text)
            wrong += [f"{path.name}: {name}" for name in names if exported(name) is None]
            if key.rpartition("::")[2] == "_target_":
                module = locator.get_component_module_name(text) if "." not in text else None
                names.append(text)
                if not callable(locate(f"{module}.{text}" if module else text)):
                    wrong.append(f"{path.name}: {text}")
            count += len(names)
    return count, wrong


@pytest.mark.parametrize(
    "folder",
    [Path(monai_attn.__file__).parent / "templates", *sorted(BUNDLES.glob("*/configs"))],
    ids=lambda folder: f"{folder.parent.name}/{folder.name}",
)
def test_every_name_in_a_config_resolves(folder):
    count, wrong = unresolved(folder)
    assert wrong == []
    assert count > 20


def test_every_name_in_a_planned_bundle_resolves(planned):
    for root in planned:
        count, wrong = unresolved(root / "configs")
        assert (root.name, wrong) == (root.name, [])
        assert count > 20
