"""The pages say what is so: links lead somewhere, examples run, switches exist."""

import ast
import json
import re
from pathlib import Path

import pytest
from conftest import BUNDLES, REPOSITORY, SHIPPED

from monai_attn import AttentionGatedUNet

PAGES = sorted([*REPOSITORY.glob("*.md"), *REPOSITORY.glob("docs/pages/*.md"), *BUNDLES.glob("*/docs/*.md")])


def page_id(path: Path) -> str:
    return str(path.relative_to(REPOSITORY))


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, flags=re.M | re.S)


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_relative_links_lead_somewhere(page):
    targets = re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text())
    assert [t for t in targets if "://" not in t and not (page.parent / t).exists()] == []


@pytest.mark.parametrize("page", [p for p in PAGES if blocks(p.read_text(), "python")], ids=page_id)
def test_python_examples_run(page):
    scope: dict = {}
    for block in blocks(page.read_text(), "python"):
        exec(compile(block, str(page), "exec"), scope)  # noqa: S102 (our own pages)


def test_the_readmes_config_builds_the_network():
    (block,) = blocks((REPOSITORY / "README.md").read_text(), "json")
    definition = json.loads("{" + block + "}")["network_def"]
    assert definition.pop("_target_") == "monai_attn.AttentionGatedUNet"
    AttentionGatedUNet(**definition)


def test_every_switch_and_config_on_the_pages_exists():
    text = (REPOSITORY / "docs" / "pages" / "bundles.md").read_text()
    named = {f"{name}.json" for name in re.findall(r"configs/(\w+)\.json", text)}
    for bundle in SHIPPED:
        configs = {path.name: json.loads(path.read_text()) for path in (bundle.root / "configs").glob("*.json")}
        assert named <= set(configs)
        keys = {key for config in configs.values() for key in config}
        assert set(re.findall(r"`--([\w]+)", text)) <= keys


def table(page: Path) -> list[list[str]]:
    """Cells of the rows below a page's only table head."""
    rows = [line for line in page.read_text().splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row.strip("|").split(" | ")] for row in rows[2:]]


def test_every_fault_has_a_test():
    rows = table(REPOSITORY / "docs" / "pages" / "reliability.md")
    assert len(rows) >= 45
    assert all(len(row) == 4 and all(row) for row in rows)
    for *_, test in rows:
        path, _, function = test.strip("`").partition("::")
        content = ast.parse((REPOSITORY / path).read_text())
        assert function in {node.name for node in content.body if isinstance(node, ast.FunctionDef)}, test


def test_no_path_of_a_machine_is_in_the_pages():
    for page in PAGES:
        assert not re.search(r"(^|[\s`(])/(home|root|tmp|work|usr)/", page.read_text()), page
