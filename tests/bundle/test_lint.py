import json
import os
import pickle
import shutil
from pathlib import Path

import pytest
import torch
from conftest import SHIPPED

from monai_attn import cli
from monai_attn.bundle import LintFinding, lint
from monai_attn.bundle.linting import configs
from monai_attn.bundle.linting.names import target_objection
from monai_attn.networks.checksum import write_sha256


@pytest.fixture
def root(tmp_path) -> Path:
    """A copy of a shipped bundle without its spec, so that a change is not just another rendering."""
    copied = Path(shutil.copytree(SHIPPED[-1].root, tmp_path / "bundle"))
    (copied / "bundle.json").unlink()
    return copied


def change(root: Path, name: str = "inference", **entries) -> list[LintFinding]:
    """Findings after some entries were added or replaced."""
    path = root / "configs" / f"{name}.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | entries))
    return lint(root)


def test_shipped_bundles_are_clean(shipped, capsys):
    assert lint(shipped.root) == lint(shipped.name) == []
    assert cli.main(["lint", str(shipped.root)]) == 0
    assert "nothing found" in capsys.readouterr().out


def test_a_finding_is_one_line_with_file_key_and_cure(root, capsys):
    change(root, device="$import os")
    assert cli.main(["lint", str(root)]) == 1
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("configs/inference.json: device: expression '$import os': it imports 'os'")
    assert line.endswith("write it with references and MONAI's parts")


@pytest.mark.parametrize(("place", "text"), [("nowhere", "is not shipped"), ("empty", "has no folder 'configs'")])
def test_no_bundle_is_wrong_usage(tmp_path, capsys, place, text):
    (tmp_path / "empty").mkdir()
    assert cli.main(["lint", str(tmp_path / place)]) == 2
    assert text in capsys.readouterr().err


@pytest.mark.parametrize(
    "expression",
    [
        "$__import__('os').system('touch MARKER')",
        '$exec(\'open("MARKER", "w")\')',
        "$[f('MARKER', 'w') for f in [open]]",
        "$(lambda: eval)()('1')",
        "$import os",
        "$import subprocess as math",
        "$import os.path",
        "$from shutil import copy",
        "$from monai.utils import optional_import",
        "$from . import x",
        "$import scripts",
        "$import monai; print(1)",
        "$os.system('touch MARKER')",
        "$monai.utils.os.system('touch MARKER')",
        "$torch.os",
        "$torch.serialization.pickle.loads(b'')",
        "$monai.data.utils.torch.hub.list('x')",
        "$monai.data.utils.torch.package",
        "$torch.load('MARKER')",
        "$torch.hub.load('a/b', 'c')",
        "$torch.ops.load_library('x.so')",
        "$torch.jit.CompilationUnit('x')",
        "$torch.utils.cpp_extension.load_inline('x', 'y')",
        "$torch.utils.collect_env.run('touch MARKER')",
        "$torch.utils.benchmark.Timer('open(1)').timeit()",
        "$np.load('MARKER', allow_pickle=True)",
        "$numpy.testing.measure('1')",
        "$monai.bundle.download('x')",
        "$monai.bundle.ConfigParser({'a': '$1'}).get_parsed_content('a')",
        "$monai.apps.download_and_extract('x')",
        "$monai.utils.misc.run_cmd(['touch', 'MARKER'])",
        "$(lambda t: t.package)(torch)",
        "$[m.ops for m in [torch.nn, torch]]",
        "$(lambda torch: 0, torch.nn.ReLU())",
        "$(lambda eval: 0, eval('1'))",
        "$().__class__.__mro__",
        "$'{0.__class__}'.format(1)",
        "$(i for i in []).gi_frame.f_builtins",
        "$getattr(monai, 'bundle')",
        "$globals()",
        "$type('X', (), {})",
        "$breakpoint()",
        "$unheard_of(1)",
        "$1 +",
        "$x = 1",
        "$" + "(" * 500 + ")" * 500,
        "$__local_refs",
        "$print('@or').f_globals",
    ],
)
def test_dangerous_expressions_are_found_and_not_run(root, tmp_path, monkeypatch, expression):
    monkeypatch.chdir(tmp_path)
    for place in ({"device": expression}, {"run": [{"_target_": "Compose", "transforms": [expression]}]}):
        found = change(root, **place)
        assert found, place
        assert {finding.file for finding in found} == {"configs/inference.json"}
        assert all(finding.text.startswith("expression ") for finding in found)
    assert not (tmp_path / "MARKER").exists()


@pytest.mark.parametrize(
    "expression",
    [
        "$@network.eval()",
        "$torch.compile(@network)",
        "$@network_def::in_channels + len(@#0) if @a else None",
        "$lambda x: (x['image'], x['label'])",
        "$[k for _ in range(3) for k in @cases]",
        "$torch.distributed.get_rank() == 0",
        "$monai.transforms.io.dictionary.LoadImaged(keys='image')",
        "$np.mean(@cases) * math.pi",
        "$torch.nn.functional.softmax(@x, dim=1)",
        '$f"{@root}/models/model.pt"',
        "$@root + '/models/' + 'model.pt'",
    ],
)
def test_ordinary_expressions_pass(root, expression):
    assert change(root, imports=["$import math"], device=expression) == []


@pytest.mark.parametrize(
    "target",
    [
        *("os.system", "builtins.exec", "subprocess.run", "eval", "antigravity", "scripts.net.Net", "nibabel.load"),
        *("torch.load", "torch.hub.load", "torch.package.PackageImporter", "torch.jit.load", "torch.save", "no name"),
        *(
            "torch.utils.cpp_extension.load",
            "torch.distributed.run.main",
            "torch._C._jit_init",
            "ignite.distributed.spawn",
        ),
        *(
            "monai.bundle.run",
            "monai.bundle.download",
            "monai.apps.download_and_extract",
            "monai.utils.module.instantiate",
        ),
        *("monai.data.utils.os.system", "monai_attn.bundle.locate.shutil.rmtree", "monai_attn.cli.main"),
        *("run_cmd", "optional_import", "ConfigParser", "download_url", "AutoRunner", "algo_from_pickle"),
        *("$@a + 'b'", "$'os.' + 'system'", "@name", "%name"),
    ],
)
def test_targets_outside_the_list_are_found(root, target):
    entry = {"_target_": target, "command": "touch x"}
    found = change(root, network={"_target_": "Compose", "transforms": [entry]})
    assert "network::transforms::0::_target_" in {finding.key for finding in found}


@pytest.mark.parametrize(
    "target",
    [
        *("UNet", "AttentionGatedUNet", "monai_attn.data.find_cases", "torch.nn.ReLU", "ignite.handlers.EarlyStopping"),
        *("monai.transforms.utility.array.ToTensor", "torch.utils.data.DataLoader", "torch.optim.lr_scheduler.StepLR"),
    ],
)
def test_ordinary_targets_pass(target):
    assert target_objection(target) is None


@pytest.mark.parametrize(
    ("entry", "key"),
    [
        ({"_target_": "LoadImage", "reader": "os.system", "command": "x"}, "network::reader"),  # MONAI calls this
        ({"_target_": "LoadImage", "reader": ["NibabelReader", "builtins.exec"]}, "network::reader"),
        ({"_target_": "SaveImage", "writer": "@writer"}, "network::writer"),
        ({"_target_": "NumpyReader", "allow_pickle": True}, "network::allow_pickle"),
        ({"_target_": "UNet", "_mode_": "debug"}, "network::_mode_"),
        ({"_target_": "UNet", "_mode_": "@mode"}, "network::_mode_"),
        ({"_target_": "UNet", "_debug_": True}, "network::_debug_"),
        ({"backend": "subprocess.run"}, "network::backend"),
        ("%elsewhere.json::a", "network"),
        ("%/etc/x.yaml", "network"),
        ("/home/someone/data", "network"),
        ("~/data", "network"),
        ("C:\\data", "network"),
        ("file:///data", "network"),
        ("\\\\server\\share", "network"),
        ("$'/home/someone' + '/data'", "network"),
        ("$@root + '/../other/model.pt'", "network"),
        ("models/../../model.pt", "network"),
    ],
)
def test_what_else_runs_or_leads_elsewhere_is_found(root, entry, key):
    assert key in {finding.key for finding in change(root, network=entry)}


def test_mode_callable_and_data_beside_the_bundle_pass(root):
    entry = {"_target_": "UNet", "_mode_": "callable"}
    assert change(root, network=entry, dataset_dir="$@root + '/../data'") == []


def test_metadata_is_evaluated_by_monai_and_so_looked_at(root):
    assert [finding.key for finding in change(root, "metadata", task="$import os")] == ["task"]


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
def test_keys_that_nothing_uses_are_found(root, name, key, cure):
    (finding,) = change(root, name, **{key: 1})
    assert (finding.file, finding.key, finding.cure) == (f"configs/{name}.json", key, cure)


def test_a_key_that_is_referenced_passes_and_an_overlay_needs_its_base(root):
    assert change(root, my_own=3, device="@my_own") == []
    (finding,) = change(root, "finetune", overlay_of="trian")
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
def test_metadata_that_lack_something_or_belong_to_another_network_are_found(root, edit, key):
    path = root / "configs" / "metadata.json"
    metadata = json.loads(path.read_text())
    edit(metadata)
    path.write_text(json.dumps(metadata))
    found = lint(root)
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
def test_damaged_and_hostile_files_are_found(root, tmp_path, monkeypatch, name, content, text):
    monkeypatch.chdir(tmp_path)
    (root / "configs" / name).write_text(content)
    assert any(text in str(finding) for finding in lint(root) if finding.file == f"configs/{name}")
    assert not (tmp_path / "MARKER").exists()


def test_yaml_without_pyyaml_is_said(root, monkeypatch):
    (root / "configs" / "more.yaml").write_text("a: 1")
    monkeypatch.setattr(configs, "YAML", (None, False))
    assert ["PyYAML is not installed" in str(finding) for finding in lint(root)] == [True]


def test_missing_metadata_are_found(root):
    (root / "configs" / "metadata.json").unlink()
    assert [str(finding) for finding in lint(root)] == [
        "configs/metadata.json: it is missing: write what the model zoo's schema asks for"
    ]


class Payload:
    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self):
        return (open, (str(self.marker), "w"))


def test_weights_with_code_are_found_and_not_run(root, tmp_path):
    content = pickle.dumps(Payload(tmp_path / "MARKER"))
    (root / "models" / "other.pth").write_bytes(content)
    write_sha256(root / "models" / "other.pth", content)
    (finding,) = lint(root)
    assert finding.file == "models/other.pth"
    assert "cannot be read" in finding.text
    assert not (tmp_path / "MARKER").exists()


def test_weights_without_or_with_another_sha256_are_found(root):
    torch.save({"a.weight": torch.zeros(2, 2)}, root / "models" / "model.pt")
    (finding,) = lint(root)
    assert "have SHA-256" in finding.text
    assert "restore the file" in finding.cure
    (root / "models" / "model.pt.sha256").unlink()
    (finding,) = lint(root)
    assert (finding.text, finding.cure) == (
        "its SHA-256 is not recorded",
        "sha256sum model.pt > model.pt.sha256 in its folder",
    )


@pytest.mark.parametrize("name", ["scripts/__init__.py", "models/model.ts", "x.so", "data/cache.pkl"])
def test_programs_are_found(root, name):
    (root / name).parent.mkdir(exist_ok=True)
    (root / name).write_text("raise SystemExit")
    assert [(finding.file, "program" in finding.text) for finding in lint(root)] == [(name, True)]


@pytest.mark.parametrize("line", ["class=__import__('os').system('touch x')", "args=(open('x', 'w'),)"])
def test_logging_configs_are_evaluated_by_python_and_so_looked_at(root, line):
    path = root / "configs" / "logging.conf"
    key = line.partition("=")[0]
    lines = [line if text.startswith(f"{key}=") else text for text in path.read_text().splitlines()]
    path.write_text("\n".join(lines))
    found = lint(root)
    assert found
    assert all(finding.file == "configs/logging.conf" and "would be evaluated" in finding.text for finding in found)


def test_links_out_are_found_and_not_followed(root, tmp_path):
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret.json").write_text('{"_target_": "os.system"}')
    os.symlink(tmp_path / "outside" / "secret.json", root / "configs" / "more.json")
    os.symlink(tmp_path / "outside", root / "configs" / "folder")
    os.symlink("model.pt", root / "models" / "inside.pt")
    write_sha256(root / "models" / "inside.pt", (root / "models" / "model.pt").read_bytes())
    assert [(finding.file, "links to" in finding.text) for finding in lint(root)] == [
        ("configs/folder", True),
        ("configs/more.json", True),
    ]


def test_a_strangers_text_cannot_write_over_the_terminal(root):
    (finding,) = change(root, device="$1 +\x1b[2K\n evil")
    assert str(finding).isprintable()
