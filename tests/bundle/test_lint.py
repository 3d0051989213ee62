import json
import os
import pickle
import shutil
from pathlib import Path

import pytest
import torch
from conftest import SHIPPED, add_entries

from monai_attn import cli
from monai_attn.bundle import LintFinding, lint
from monai_attn.bundle.linting import _configs as configs
from monai_attn.handlers._checkpoint_files import save_checkpoint
from monai_attn.networks._checksum import write_sha256


def change(loose: Path, name: str = "inference", **entries) -> list[LintFinding]:
    return lint(add_entries(loose, name, **entries))


def test_shipped_bundles_are_clean(shipped, capsys):
    assert lint(shipped.root) == lint(shipped.name) == []
    assert cli.main(["lint", str(shipped.root)]) == 0
    assert "nothing suspicious found" in capsys.readouterr().out


def test_a_finding_is_one_line_with_file_key_and_cure(loose, capsys):
    change(loose, device="$import os")
    assert cli.main(["lint", str(loose)]) == 1
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("configs/inference.json: device: expression '$import os': it imports 'os'")
    assert line.endswith("write it with references and MONAI's parts")


@pytest.mark.parametrize(("place", "text"), [("nowhere", "is not shipped"), ("empty", "has no folder 'configs'")])
def test_no_bundle_is_wrong_usage(tmp_path, capsys, place, text):
    (tmp_path / "empty").mkdir()
    assert cli.main(["lint", str(tmp_path / place)]) == 2
    assert text in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "key", "cure"),
    [
        ("train", "max_epoch", "did you mean 'max_epochs'?"),
        ("inference", "quite_another_thing", "leave it out"),
        ("finetune", "learning_rat", "did you mean 'learning_rate'?"),
        ("finetune", "+initialise", "did you mean 'initialize'?"),
        ("finetune", "optimiser::lr", "did you mean 'optimizer'?"),
    ],
)
def test_keys_that_nothing_uses_are_found(loose, name, key, cure):
    (finding,) = change(loose, name, **{key: 1})
    assert (finding.file, finding.key, finding.cure) == (f"configs/{name}.json", key, cure)


def test_a_key_that_is_referenced_passes_and_an_overlay_needs_its_base(loose):
    assert change(loose, my_own=3, device="@my_own") == []
    (finding,) = change(loose, "finetune", overlay_of="trian")
    assert (finding.key, finding.text) == ("overlay_of", "there is no 'trian.json'")


def test_configs_that_are_not_what_the_spec_renders_are_found(tmp_path):
    copied = Path(shutil.copytree(SHIPPED[0].root, tmp_path / "bundle"))
    assert [(f.file, f.cure) for f in change(copied, "train", max_epochs=7)] == [
        ("configs/train.json", "monai-attn render")
    ]
    (copied / "bundle.json").write_text('{"trian": {}}')
    assert "did you mean 'train'?" in next(f.text for f in lint(copied) if f.file == "bundle.json")


@pytest.mark.parametrize(
    ("edit", "key"),
    [
        (lambda m: m.pop("version"), "version"),
        (lambda m: m.update(version=1), "version"),
        (lambda m: m.update(version="9.9.9"), "changelog"),
        (lambda m: m.pop("network_data_format"), "network_data_format"),
        (lambda m: m["network_data_format"].pop("outputs"), "network_data_format::outputs"),
        (
            lambda m: m["network_data_format"]["inputs"]["image"].pop("dtype"),
            "network_data_format::inputs::image::dtype",
        ),
        (
            lambda m: m["network_data_format"]["inputs"]["image"].update(num_channels=2),
            "network_data_format::inputs::image::num_channels",
        ),
        (
            lambda m: m["network_data_format"]["outputs"]["pred"].update(spatial_shape=[8]),
            "network_data_format::outputs::pred::spatial_shape",
        ),
        (
            lambda m: m["network_data_format"]["outputs"]["pred"]["channel_def"].pop("0"),
            "network_data_format::outputs::pred::channel_def",
        ),
    ],
)
def test_metadata_that_lack_something_or_belong_to_another_network_are_found(loose, edit, key):
    path = loose / "configs" / "metadata.json"
    metadata = json.loads(path.read_text())
    edit(metadata)
    path.write_text(json.dumps(metadata))
    found = lint(loose)
    assert key in {finding.key for finding in found}
    assert {finding.file for finding in found} == {"configs/metadata.json"}


@pytest.mark.parametrize(
    ("name", "content", "text"),
    [
        ("metadata.json", "[]", "it is no object"),
        ("train.json", "[]", "it is no object"),
        ("train.json", "{,}", "it cannot be read"),
        ("train.json", "[" * 200 + "]" * 200, "nested more than 100 times"),
        ("more.yaml", "a: {_target_: os.system}", "'os.system'"),
        ("more.yml", "&a [*a]", "nested more than 100 times"),
        ("more.yaml", "!!python/object/apply:os.system [touch MARKER]", "it cannot be read"),
    ],
)
def test_damaged_and_hostile_files_are_found(loose, tmp_path, monkeypatch, name, content, text):
    monkeypatch.chdir(tmp_path)
    (loose / "configs" / name).write_text(content)
    assert any(text in str(finding) for finding in lint(loose) if finding.file == f"configs/{name}")
    assert not (tmp_path / "MARKER").exists()


def test_yaml_without_pyyaml_is_said(loose, monkeypatch):
    (loose / "configs" / "more.yaml").write_text("a: 1")
    monkeypatch.setattr(configs, "YAML", (None, False))
    assert ["PyYAML is not installed" in str(finding) for finding in lint(loose)] == [True]


def test_missing_metadata_are_found(loose):
    (loose / "configs" / "metadata.json").unlink()
    assert [str(finding) for finding in lint(loose)] == [
        "configs/metadata.json: it is missing: write what the model zoo's schema asks for"
    ]


class Payload:
    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self):
        return (open, (str(self.marker), "w"))


def test_weights_with_code_are_found_and_not_run(loose, tmp_path):
    content = pickle.dumps(Payload(tmp_path / "MARKER"))
    (loose / "models" / "other.pth").write_bytes(content)
    write_sha256(loose / "models" / "other.pth", content)
    (finding,) = lint(loose)
    assert finding.file == "models/other.pth"
    assert "cannot be read" in finding.text
    assert not (tmp_path / "MARKER").exists()


def test_weights_without_or_with_another_sha256_are_found(loose):
    torch.save({"a.weight": torch.zeros(2, 2)}, loose / "models" / "model.pt")
    (finding,) = lint(loose)
    assert "have SHA-256" in finding.text
    assert "restore the file" in finding.cure
    (loose / "models" / "model.pt.sha256").unlink()
    (finding,) = lint(loose)
    assert (finding.text, finding.cure) == (
        "its SHA-256 is not recorded",
        "sha256sum model.pt > model.pt.sha256 in its folder",
    )


@pytest.mark.parametrize("name", ["scripts/__init__.py", "models/model.ts", "x.so", "data/cache.pkl"])
def test_programs_are_found(loose, name):
    (loose / name).parent.mkdir(exist_ok=True)
    (loose / name).write_text("raise SystemExit")
    assert [(finding.file, "program" in finding.text) for finding in lint(loose)] == [(name, True)]


@pytest.mark.parametrize("line", ["class=__import__('os').system('touch x')", "args=(open('x', 'w'),)"])
def test_logging_configs_are_evaluated_by_python_and_so_looked_at(loose, line):
    path = loose / "configs" / "logging.conf"
    key = line.partition("=")[0]
    lines = [line if text.startswith(f"{key}=") else text for text in path.read_text().splitlines()]
    path.write_text("\n".join(lines))
    found = lint(loose)
    assert found
    assert all(finding.file == "configs/logging.conf" and "would be evaluated" in finding.text for finding in found)


def test_links_out_are_found_and_not_followed(loose, tmp_path):
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret.json").write_text('{"_target_": "os.system"}')
    os.symlink(tmp_path / "outside" / "secret.json", loose / "configs" / "more.json")
    os.symlink(tmp_path / "outside", loose / "configs" / "folder")
    os.symlink("model.pt", loose / "models" / "inside.pt")
    write_sha256(loose / "models" / "inside.pt", (loose / "models" / "model.pt").read_bytes())
    assert [(finding.file, "links to" in finding.text) for finding in lint(loose)] == [
        ("configs/folder", True),
        ("configs/more.json", True),
    ]


def test_a_strangers_text_cannot_write_over_the_terminal(loose):
    (finding,) = change(loose, device="$1 +\x1b[2K\n evil")
    assert str(finding).isprintable()


def test_states_of_a_training_carry_their_own_digest(loose):
    path = save_checkpoint(loose / "models", 3, {"epoch": 3, "model": {}})
    assert lint(loose) == []
    path.write_bytes(path.read_bytes()[:-1])
    (finding,) = lint(loose)
    assert finding.file == f"models/{path.name}"
    assert "is damaged" in finding.text


def test_configs_beside_the_others_are_read_as_well(loose):
    (loose / "train2.json").write_text(json.dumps({"run": ["$__import__('os').system('true')"]}))
    (loose / "list.json").write_text(json.dumps({"training": []}))
    assert {finding.file for finding in lint(loose)} == {"train2.json"}
