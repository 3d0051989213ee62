import json
import os
import resource
import shutil

import pytest
from conftest import SHIPPED

from monai_attn import _shipped_bundles as locate
from monai_attn import cli
from monai_attn.bundle import copy_bundle, lint, list_bundles, render, rendered_files


@pytest.fixture
def spec(tmp_path):
    """A copy of a bundle's spec, and a way to change it."""
    content = json.loads((SHIPPED[0].root / "bundle.json").read_text())

    def change(edit=lambda _: None):
        edit(content)
        (tmp_path / "bundle.json").write_text(json.dumps(content))
        return tmp_path

    return change


def test_rendering_is_deterministic_and_says_what_changed(spec, capsys):
    root = spec()
    assert cli.main(["render", str(root), "--check"]) == 1
    assert not (root / "configs").exists()
    written = render(root)
    assert {path.name for path in written} == set(rendered_files(root))
    assert rendered_files(root) == rendered_files(root)
    assert render(root) == []
    assert cli.main(["render", str(root)]) == 0
    assert "is up to date" in capsys.readouterr().out


def test_edits_by_hand_are_not_lost_in_silence(spec):
    root = spec()
    render(root)
    config = root / "configs" / "train.json"
    older = json.loads(config.read_text())
    assert "monai-attn render" in older["_desc_"]
    config.write_text(json.dumps(older, indent=1))  # another layout is not an edit
    assert [path.name for path in render(root)] == ["train.json"]
    config.write_text(json.dumps(older | {"max_epochs": 7}))
    conf = root / "configs" / "logging.conf"
    conf.write_text(conf.read_text().replace("level=INFO", "level=DEBUG"))
    with pytest.raises(FileExistsError, match=r"train\.json' was edited since it was rendered \(2 file\(s\) in all\)"):
        render(root)
    assert json.loads(config.read_text())["max_epochs"] == 7
    assert {path.name for path in render(root, write=False)} == {"train.json", "logging.conf"}
    assert {path.name for path in render(root, overwrite=True)} == {"train.json", "logging.conf"}
    assert json.loads(config.read_text()) == older


def test_a_newer_spec_replaces_what_an_older_one_rendered(spec):
    root = spec()
    render(root)
    content = json.loads((root / "bundle.json").read_text())
    content["train"]["max_epochs"] = 9
    (root / "bundle.json").write_text(json.dumps(content))
    assert [path.name for path in render(root)] == ["train.json"]


def test_a_spec_changes_whole_keys_and_leaves(spec):
    def edit(content):
        content["train"]["batch_size"] = 7
        content["train"]["optimizer::weight_decay"] = 0.5

    rendered = json.loads(rendered_files(spec(edit))["train.json"])
    assert (rendered["batch_size"], rendered["optimizer"]["weight_decay"]) == (7, 0.5)
    assert rendered["optimizer"]["_target_"] == "torch.optim.AdamW"


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda c: c.update(trian={}), r"section 'trian' is unknown: did you mean 'train'\?"),
        (lambda c: c["train"].update(max_epoch=3), r"train 'max_epoch' is unknown: did you mean 'max_epochs'\?"),
        (
            lambda c: c["train"].update({"optimizer::weight_dcay": 0}),
            r"'optimizer::weight_dcay' is unknown: did you mean 'optimizer::weight_decay'\?",
        ),
        (lambda c: c["common"].pop("network_def"), r"train needs 'network_def', which has no default: add it"),
    ],
)
def test_what_does_not_fit_is_one_line_with_the_cure(spec, edit, message, capsys):
    root = spec(edit)
    with pytest.raises(ValueError, match=message):
        rendered_files(root)
    assert cli.main(["render", str(root)]) == 1
    assert capsys.readouterr().err.startswith("error: ")


def test_a_spec_that_is_absent_or_no_json(tmp_path, capsys):
    assert cli.main(["render", str(tmp_path)]) == 1
    assert "bundle.json' does not exist" in capsys.readouterr().err
    (tmp_path / "bundle.json").write_text("{,}")
    assert cli.main(["render", str(tmp_path)]) == 1
    assert "cannot be read as JSON" in capsys.readouterr().err


def test_the_list_shows_every_bundle(capsys):
    assert cli.main(["list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["name", *(bundle.name for bundle in SHIPPED)]
    for info, line in zip(list_bundles(), lines[1:], strict=True):
        assert info.task in line
        assert info.modality in ("CT", "MR")
        assert f"{info.dice:.3f}" in line
        assert info.dice > 0.5
        assert 0 < info.megabytes < 25


def test_a_copy_is_whole_and_never_replaces_anything(tmp_path, capsys):
    name = SHIPPED[0].name
    assert cli.main(["copy", name, str(tmp_path / "new" / "place")]) == 0
    copied = tmp_path / "new" / "place" / name
    assert str(copied) in capsys.readouterr().out
    assert lint(copied) == []  # with all that it needs, the weights' SHA-256 among it
    assert (copied / "models" / "model.pt").read_bytes() == (SHIPPED[0].root / "models" / "model.pt").read_bytes()
    assert cli.main(["copy", name, str(tmp_path / "new" / "place")]) == 1
    assert "exists already: remove it" in capsys.readouterr().err


@pytest.mark.parametrize(
    "name",
    [
        *("nonsense", "", ".", "..", "../hippocampus_mri_attn_segmentation", "/etc", "C:\\bundles"),
        *("hippocampus_mri_attn_segmentation/", "./hippocampus_mri_attn_segmentation"),
        *("hippocampus_mri_attn_segmentation/configs", "x/../hippocampus_mri_attn_segmentation"),
    ],
)
def test_only_shipped_names_are_copied(tmp_path, name):
    with pytest.raises(ValueError, match=r"is not shipped: use one of .*hippocampus"):
        copy_bundle(name, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_link_in_the_place_of_the_copy_is_not_written_through(tmp_path):
    name = SHIPPED[0].name
    os.symlink(tmp_path / "elsewhere", tmp_path / name)  # broken: exists() denies that it is there
    with pytest.raises(FileExistsError, match="exists already"):
        copy_bundle(name, tmp_path)
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("place", ["docs/more.txt", "configs/folder", "models/loop"])
def test_a_bundle_with_a_link_out_of_its_folder_is_not_copied(tmp_path, monkeypatch, place):
    root = tmp_path / "bundles" / SHIPPED[0].name
    shutil.copytree(SHIPPED[0].root, root)
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "key").write_text("secret")
    os.symlink(tmp_path / "secret" / ("key" if place.endswith(".txt") else ""), root / place)
    monkeypatch.setattr(locate, "PACKAGE", tmp_path)
    with pytest.raises(ValueError, match=f"'{place}' of bundle .* links to something outside its folder: put the file"):
        copy_bundle(root.name, tmp_path / "new")
    assert not (tmp_path / "new").exists()
    (root / place).unlink()
    os.symlink("LICENSE", root / "LICENSE.txt")  # inside, it is as good as a file
    assert (copy_bundle(root.name, tmp_path / "new") / "LICENSE.txt").is_file()


def test_nothing_is_left_of_a_copy_that_failed(tmp_path):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))  # a quota, which the weights exceed
    try:
        with pytest.raises(OSError, match=r"cannot be written \(.*File too large.*\): make room there, or copy to"):
            copy_bundle(SHIPPED[0].name, tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert list(tmp_path.iterdir()) == []


def test_a_rendering_that_is_cut_off_leaves_whole_files(spec, monkeypatch):
    root = spec()
    render(root)
    before = {path.name: path.read_bytes() for path in (root / "configs").iterdir()}
    monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(OSError, match=r"cannot be written \(No space left on device\): make room"):
        render(spec(lambda content: content["train"].update(max_epochs=7)))
    assert {path.name: path.read_bytes() for path in (root / "configs").iterdir()} == before
