"""Whole bundles with something planted in them: each is found, and nothing of it runs."""

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import SHIPPED

from monai_attn.bundle import lint

TOUCH = {"_target_": "os.system", "command": "touch MARKER"}
LOGGING = (SHIPPED[-1].root / "configs" / "logging.conf").read_text()


def entries(name: str = "inference", **values: Any) -> Callable[[Path], None]:
    """Add entries to a config, which is made if it is not there."""

    def plant(root: Path) -> None:
        path = root / "configs" / f"{name}.json"
        content = json.loads(path.read_text()) if path.is_file() else {}
        path.write_text(json.dumps(content | values))

    return plant


def component(target: str, **arguments: Any) -> Callable[[Path], None]:
    return entries(handlers=[{"_target_": target, **arguments}])


def text(name: str, content: str | bytes, mode: int = 0o644) -> Callable[[Path], None]:
    def plant(root: Path) -> None:
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        (root / name).chmod(mode)

    return plant


def both(*steps: Callable[[Path], None]) -> Callable[[Path], None]:
    return lambda root: [step(root) for step in steps] and None


def logging(line: str) -> Callable[[Path], None]:
    """A logging config with another line in its handler."""
    key = line.partition("=")[0]
    kept = [other for other in LOGGING.splitlines() if not other.startswith(f"{key}=")]
    kept.insert(kept.index("[handler_console]") + 1, line)
    return text("configs/logging.conf", "\n".join(kept))


PLANTED: dict[str, Callable[[Path], None]] = {
    "key path to a target": entries(**{"network_def::_target_": "os.system"}),
    "legacy key path": entries(**{"network_def#_target_": "os.system"}),
    "key path to nothing": entries(**{"x::y::_target_": "os.system"}),
    "key path into a list": entries(**{"loading::0::_target_": "os.system"}),
    "key path to a reader": entries(**{"loading::0::reader": "pkg.Reader"}),
    "extended by a plus": entries(**{"+network_def": {"_target_": "os.system"}}),
    "extended list": entries(**{"+loading": [TOUCH]}),
    "overlay changes a target": entries("more", **{"network_def::_target_": "os.system"}),
    "overlay changes a reader": entries("more", **{"loading::0::reader": "pkg.Reader"}),
    "overlay adds an output": entries("more", **{"layout::output_dir": "/srv/x"}),
    "overlay changes a reference": entries("more", output_dir="$@bundle_root + '/../x'"),
    "target and reader in two overlays": both(
        entries("one", **{"x::_target_": "LoadImage"}), entries("two", **{"x::reader": "os.system"})
    ),
    "target by reference": entries(a="os.system", network={"_target_": "@a", "command": "touch MARKER"}),
    "target by macro": entries(a="os.system", network={"_target_": "%a", "command": "touch MARKER"}),
    "target by expression": entries(network={"_target_": "$'os.' + 'system'", "command": "touch MARKER"}),
    "target that is an attribute": entries(network={"_target_": "$@evaluator.run"}),
    "component in a list in a list": entries(network=[[[TOUCH]]]),
    "component as the whole config": text("configs/inference.json", json.dumps(TOUCH)),
    "component for the whole config": entries(**{"": TOUCH}),
    "key that starts with the separator": entries(**{"::network_def": {"_target_": "UNet"}}),
    "key with the separator inside": entries(network={"a::_target_": "os.system"}),
    "macro from a file": entries(network="%more.json::network"),
    "macro from an absolute file": entries(network="%/etc/x.yaml"),
    "relative reference": entries(network={"a": "os.system", "b": {"_target_": "Lambda", "func": "@::::a"}}),
    "relative macro": entries(network={"a": 1, "b": "%#a"}),
    "YAML": text("configs/more.yaml", "a: {_target_: os.system, command: touch MARKER}"),
    "YAML tag": text("configs/more.yaml", "!!python/object/apply:os.system [touch MARKER]"),
    "config beside the configs": text("train2.json", json.dumps({"run": ["$__import__('os').system('touch MARKER')"]})),
    "config in another folder": text("extra/more.yml", "a: {_target_: os.system}"),
    "overlay in another folder": text("extra/more.json", json.dumps({"output_dir": "/srv/x"})),
    "metadata": entries("metadata", task="$__import__('os').system('touch MARKER')"),
    "component in the metadata": entries("metadata", intended_use=TOUCH),
    "import of a function": entries(imports=["$from os import system as f"], device="$f('touch MARKER')"),
    "import of the bundle": entries(imports=["$import scripts"]),
    "import as another name": entries(imports=["$import os as torch"]),
    "import handed to a component": entries(network={"_target_": "Compose", "transforms": ["$import os"]}),
    "import used by reference": entries(network="$@imports::0"),
    "import used by macro": entries(network="%imports::0"),
    "all imports used": entries(network="@imports"),
    "debugger": entries(network={"_target_": "UNet", "_mode_": "debug"}),
    "debugger by reference": entries(mode="debug", network={"_target_": "UNet", "_mode_": "@mode"}),
    "debugger by flag": entries(network={"_target_": "UNet", "_debug_": True}),
    "function that hands on": entries(network={"_target_": "SaveImage", "_mode_": "callable"}),
    "reader": component("LoadImage", reader="os.system", command="touch MARKER"),
    "reader in a list": component("LoadImaged", keys="a", reader=["NibabelReader", "builtins.exec"]),
    "reader by expression": component("LoadImage", reader="$'os.' + 'system'"),
    "reader that is another class": component("LoadImage", reader="PersistentDataset"),
    "reader by reference": both(entries(a="pkg.Reader"), component("LoadImage", reader="@a")),
    "reader deep in a component": component("ImageDataset", image_files=[], options={"reader": "pkg.Reader"}),
    "writer": component("SaveImage", writer="pkg.Writer"),
    "merger": component("PatchInferer", merger_cls="os.system"),
    "config as data": component("monai.bundle.ConfigComponent", config=TOUCH),
    "unpickling reader": component("NumpyReader", allow_pickle=True),
    "unpickling cache": component("PersistentDataset", data=[], transform=None, cache_dir="a", weights_only=False),
    "logging class": logging("class=__import__('os').system('touch MARKER')"),
    "logging args": logging("args=(open('MARKER', 'w'),)"),
    "logging kwargs": logging("kwargs={'stream': open('MARKER', 'w')}"),
    "logging handler to a file": logging("args=('/srv/x',)"),
    "logging class of another package": logging("class=pkg.Handler"),
    "logging formatter": logging("defaults={'a': open('MARKER', 'w')}"),
    "logging defaults": text("configs/logging.conf", f"[DEFAULT]\nargs=(open('MARKER', 'w'),)\n{LOGGING}"),
    "logging config elsewhere": text("logging.ini", "[handler_a]\nargs=(open('MARKER', 'w'),)"),
    "program without a suffix": text("install", "#!/bin/sh\ntouch MARKER"),
    "program in a text's name": text("docs/README.md", "#!/bin/sh\ntouch MARKER"),
    "executable": text("docs/notes.txt", "touch MARKER", 0o755),
    "ELF": text("models/data", b"\x7fELF\x02"),
    "module": text("scripts/__init__.py", "raise SystemExit"),
    "module with the name of another": text("json.py", "raise SystemExit"),
    "library": text("x.so", "x"),
    "pickle": text("data/cache.pkl", b"cos\nsystem\n(S'touch MARKER'\ntR."),
    "pickle as weights": text("models/model.pth", b"cos\nsystem\n(S'touch MARKER'\ntR."),
    "TorchScript": text("models/model.ts", b"PK\x03\x04"),
    "unheard-of kind": text("data/x.thing", "x"),
    "hidden folder": text(".hidden/more.json", json.dumps(TOUCH)),
    "pipe": lambda root: os.mkfifo(root / "configs" / "more.json"),
    "link to a device": lambda root: os.symlink("/dev/zero", root / "configs" / "more.json"),
    "link out": lambda root: os.symlink("/etc/hostname", root / "docs.txt"),
    "checkpoints elsewhere": component("CheckpointSaver", save_dir="/srv/x", save_dict={}),
    "checkpoints upwards": component("CheckpointSaver", save_dir="models/../../x", save_dict={}),
    "checkpoints at home": component("CheckpointSaver", save_dir="~/x", save_dict={}),
    "checkpoints by an expression": component("CheckpointSaver", save_dir="$'/' + 'srv/x'", save_dict={}),
    "checkpoints after nothing": both(
        entries(a=""), component("CheckpointSaver", save_dir="$@a + '/srv'", save_dict={})
    ),
    "checkpoints by dots": component("CheckpointSaver", save_dir="$@bundle_root + './x'", save_dict={}),
    "checkpoints by joining": component("CheckpointSaver", save_dir="$'/'.join(['', 'srv'])", save_dict={}),
    "checkpoints by turning": component("CheckpointSaver", save_dir="$'vrs/'[::-1]", save_dict={}),
    "checkpoints by format": component("CheckpointSaver", save_dir="$'%ssrv' % '/'", save_dict={}),
    "checkpoints by name": component("CheckpointSaver", save_dir="models", save_dict={"../../x": "@network"}),
    "checkpoints by prefix": component("CheckpointSaver", save_dir="models", file_prefix="$'../' * 3", save_dict={}),
    "results elsewhere": component("SaveImaged", keys="pred", output_dir="$f'/srv/x'"),
    "results in an expression": entries(network="$monai.transforms.SaveImage(@bundle_root * 2 + '/x')"),
    "results by postfix": component("SaveImaged", keys="pred", output_postfix="/../../../x"),
    "results by a built postfix": component("SaveImaged", keys="pred", output_postfix="$'..' + '/' * 2 + 'x'"),
    "results by the data's root": component("SaveImaged", keys="pred", data_root_dir="a/b/c/d"),
    "results by a formatter": component(
        "SaveImaged", keys="pred", output_name_formatter="$lambda *_: {'subject': 'x'}"
    ),
    "results of ours": entries(layout={"_target_": "monai_attn.data.InputNameLayout", "output_dir": "$str(@cases)"}),
    "table elsewhere": component("monai.data.CSVSaver", output_dir="C:\\x"),
    "scores by a metric's name": entries(key_metric={"../../x": {"_target_": "MeanDice"}}),
    "scores elsewhere": component("MetricsSaver", save_dir="$os.path.join(@bundle_root, '/srv')"),
    "log elsewhere": component("LogfileHandler", output_dir="eval", filename="../../x"),
    "log in the working folder's parent": component("TensorBoardStatsHandler", log_dir=".."),
    "tracking elsewhere": component("MLFlowHandler", tracking_uri="sqlite:////srv/x.db"),
    "maps elsewhere": component("ProbMapProducer", output_dir="$max(['a', '/srv'])"),
    "cache elsewhere": component("PersistentDataset", data=[], transform=None, cache_dir="$@x or '/srv'"),
    "output where the data are": both(entries(dataset_dir="../x"), component("CSVSaver", output_dir="@dataset_dir")),
    "server": component("MLFlowHandler", tracking_uri="https://example.org"),
    "server without an address": component("MLFlowHandler", tracking_uri="databricks"),
    "address in the metadata": both(entries("metadata", a="b"), component("CSVSaver", output_dir="@_meta_::a")),
    "data from an address": component("CSVDataset", src="https://example.org/x.csv"),
    "download": component("MedNISTDataset", root_dir="data", section="training", download=True),
    "download by reference": both(entries(a=True), component("MedNISTDataset", root_dir="data", download="@a")),
    "weights from the net": component("DenseNet121", spatial_dims=2, in_channels=1, out_channels=1, pretrained=True),
    "weights from the net by default": component("EfficientNetBN", model_name="efficientnet-b0"),
    "weights from an address": component("HoVerNet", pretrained_url="https://example.org/x.pth"),
    "model from the net": entries(network="$monai.apps.load_from_mmar('x', '.')"),
    "large files": text("large_files.yml", "large_files: [{path: models/model.pt, url: 'https://example.org/x'}]"),
    "absolute data": entries(dataset_dir="/home/someone/data"),
    "absolute file in a list": entries(cases=[{"image": "/etc/passwd"}]),
    "share": entries(network="\\\\server\\share"),
    "file address": entries(network="file:///data"),
}


def test_the_bundle_itself_is_clean(tiny):
    assert lint(tiny) == []


@pytest.mark.parametrize("name", PLANTED)
def test_planted_bundles_are_found_and_not_run(tiny, monkeypatch, name):
    monkeypatch.chdir(tiny)
    PLANTED[name](tiny)
    start = time.monotonic()
    assert [finding for finding in lint(".") if finding.text != "nothing uses it"] != []
    assert time.monotonic() - start < 10
    assert not (tiny / "MARKER").exists()


def test_what_two_overlays_make_together_is_found(tiny):
    """Each is harmless over its base; over both of them, MONAI would call what the second one names."""
    overlays = {
        "one": {"loading": [{"_target_": "LoadImaged", "keys": "image", "reader": "@kind", "command": "touch MARKER"}]},
        "two": {"kind": "os.system"},
    }
    for name, content in overlays.items():
        (tiny / "configs" / f"{name}.json").write_text(json.dumps({"overlay_of": "inference", **content}))
    assert "loading::0::reader" in {finding.key for finding in lint(tiny) if finding.file == "configs/one.json"}
