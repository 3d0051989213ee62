"""What lint keeps an eye on besides code: keys, metadata, rendering, weights, and the files that lie in a bundle."""

import json
import os
import shutil
from pathlib import Path

import pytest
import torch
from conftest import SHIPPED, add_entries

from monai_attn import cli
from monai_attn.bundle import LintFinding, lint
from monai_attn.handlers._checkpoint_files import save_checkpoint
from monai_attn.networks._checksum import write_sha256


def change(loose: Path, name: str = "inference", **entries) -> list[LintFinding]:
    return lint(add_entries(loose, name, **entries))


def test_shipped_bundles_are_clean(shipped, capsys):
    assert lint(shipped.root) == lint(shipped.name) == []
    assert cli.main(["lint", str(shipped.root)]) == 0
    assert "nothing suspicious found" in capsys.readouterr().out


def test_a_finding_is_one_line_with_file_key_and_cure(loose, capsys):
    change(loose, finalize=["$import shutil"])
    assert cli.main(["lint", str(loose)]) == 1
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith(
        "configs/inference.json: finalize::0: expression '$import shutil': lint does not know what this"
    )
    assert line.endswith("use parts of monai, monai_attn, torch and ignite, written out")


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


def test_a_table_of_data_beside_the_configs_is_no_overlay(loose):
    (loose / "configs" / "datalist.json").write_text(json.dumps({"training": [{"image": "imagesTr/a.nii.gz"}]}))
    assert lint(loose) == []


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


def test_an_earlier_name_in_the_metadata_counts(loose):
    path = loose / "configs" / "metadata.json"
    path.write_text(path.read_text().replace("required_packages_version", "optional_packages_version"))
    assert lint(loose) == []


def test_missing_metadata_are_found(loose):
    (loose / "configs" / "metadata.json").unlink()
    assert [str(finding) for finding in lint(loose)] == [
        "configs/metadata.json: it is missing: write what the model zoo's schema asks for"
    ]


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


def test_states_of_a_training_carry_their_own_digest(loose):
    path = save_checkpoint(loose / "models", 3, {"epoch": 3, "model": {}})
    assert lint(loose) == []
    path.write_bytes(path.read_bytes()[:-1])
    (finding,) = lint(loose)
    assert finding.file == f"models/{path.name}"
    assert "is damaged" in finding.text


def test_links_inside_are_read_and_others_are_found_and_not_followed(loose, tmp_path):
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret.json").write_text('{"_target_": "os.system"}')
    os.symlink(tmp_path / "outside" / "secret.json", loose / "configs" / "more.json")
    os.symlink(tmp_path / "outside", loose / "configs" / "folder")
    os.symlink("../docs", loose / "configs" / "documents")
    os.symlink("around.json", loose / "configs" / "around.json")
    os.symlink("model.pt", loose / "models" / "inside.pt")
    write_sha256(loose / "models" / "inside.pt", (loose / "models" / "model.pt").read_bytes())
    names = ("around.json", "documents", "folder", "more.json")
    assert [(finding.file, "links to" in finding.text) for finding in lint(loose)] == [
        (f"configs/{name}", True) for name in names
    ]


def test_a_strangers_text_cannot_write_over_the_terminal(loose):
    (loose / "docs" / "a\x1b[2K\n evil").write_text("")
    found = change(loose, device="$1 +\x1b[2K\n evil")
    assert len(found) == 2
    assert all(str(finding).isprintable() for finding in found)


def test_what_a_training_leaves_is_known(loose):
    for name in ("eval/scores.csv", "eval/case_1.nii.gz", "models/training.log"):
        (loose / name).parent.mkdir(exist_ok=True)
        (loose / name).write_text("text")
    assert lint(loose) == []
