import ast
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

from conftest import REPOSITORY
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
DISTRIBUTIONS = {"ignite": "pytorch-ignite", "nrrd": "pynrrd", "skimage": "scikit-image", "yaml": "pyyaml"}
OURS = {"monai_attn", "tests", *(path.stem for path in REPOSITORY.glob("tests/**/*"))}
BY_NAME = {"find_spec", "import_module", "importorskip", "optional_import"}  # calls that take a module's name


def requirements(*lists: list[str]) -> dict[str, Requirement]:
    declared = [Requirement(line) for lines in lists for line in lines]
    return {canonicalize_name(one.name): one for one in declared if one.name != PROJECT["name"]}


CORE, ALL = requirements(PROJECT["dependencies"]), requirements(PROJECT["dependencies"], *EXTRAS.values())


def pins(name: str) -> dict[str, Version]:
    lines = [Requirement(line) for line in (REPOSITORY / name).read_text().splitlines() if not line.startswith("#")]
    return {canonicalize_name(line.name): Version(str(line.specifier).removeprefix("==")) for line in lines}


def imports(node: ast.AST, at_start: bool = True) -> Iterator[tuple[str, bool]]:
    """Distributions that a file imports, and whether importing the file needs them."""
    names: list[str] = []
    match node:
        case ast.Import():
            names = [alias.name for alias in node.names]
        case ast.ImportFrom(module=str(module), level=0):
            names = [module]
        case ast.Call(
            func=ast.Name(id=called) | ast.Attribute(attr=called), args=[ast.Constant(value=str(module)), *_]
        ) if called in BY_NAME:
            names, at_start = [module], False
        case ast.FunctionDef() | ast.Lambda() | ast.Try():
            at_start = False
    for top in {name.partition(".")[0] for name in names} - sys.stdlib_module_names - OURS:
        yield canonicalize_name(DISTRIBUTIONS.get(top, top)), at_start
    for child in ast.iter_child_nodes(node):
        yield from imports(child, at_start)


def imports_of(folder: Path) -> set[tuple[str, bool]]:
    files = [path for path in folder.rglob("*.py") if "hosts" not in path.parts]  # those have their own environments
    return {found for path in files for found in imports(ast.parse(path.read_text()))}


def test_what_the_package_imports_is_declared():
    found = imports_of(REPOSITORY / "monai_attn")
    assert {("torch", True), ("pytorch-ignite", True), ("nilearn", False), ("matplotlib", False)} <= found
    assert {name for name, at_start in found if at_start} <= set(CORE)  # extras are imported where they are used
    assert {name for name, _ in found} <= set(ALL)


def test_what_the_tests_import_is_declared():
    assert {name for name, _ in imports_of(REPOSITORY / "tests")} <= set(ALL)


def test_the_tested_set_has_all_that_is_declared():
    tested = pins("constraints.txt")
    assert set(tested) == set(ALL)
    assert [name for name, version in tested.items() if not ALL[name].specifier.contains(version)] == []


def test_the_lowest_set_is_what_the_project_declares():
    lowest = pins("constraints-lowest.txt")
    assert set(CORE) | set(requirements(EXTRAS["demo"])) <= set(lowest)
    floors = {name: Version(str(ALL[name].specifier).removeprefix(">=")) for name in lowest}
    assert lowest == floors
