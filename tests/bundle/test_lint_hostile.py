"""Files that are made to keep lint busy or to exhaust the memory, and folders that are made to be imported from."""

import io
import json
import os
import resource
import socket
import struct
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from monai_attn.bundle import lint
from monai_attn.networks._checksum import write_sha256

MEMORY = 4 * 2**30  # more than the process has by itself


def config(**values: Any) -> Callable[[Path], None]:
    return lambda root: (root / "configs" / "more.json").write_text(json.dumps(values)) and None


def text(name: str, content: str | bytes) -> Callable[[Path], None]:
    return lambda root: (root / name).write_bytes(content if isinstance(content, bytes) else content.encode()) and None


def weights(content: Callable[[], bytes]) -> Callable[[Path], None]:
    def plant(root: Path) -> None:
        path = root / "models" / "model.pt"
        path.write_bytes(content())
        write_sha256(path, path.read_bytes())

    return plant


def saved(state: Any) -> bytes:
    file = io.BytesIO()
    torch.save(state, file)
    return file.getvalue()


def contains_itself() -> bytes:
    state: dict[str, Any] = {"epoch": 1}
    state["model"] = state
    return saved(state)


def archive(pickled: bytes, numbers: bytes = b"", method: int = zipfile.ZIP_STORED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as members:
        members.writestr("a/data.pkl", pickled)
        members.writestr("a/data/0", numbers)
    return file.getvalue()


def overlapping() -> bytes:
    """One member of 8 MB under many names."""
    content = archive(b"\x80\x02}.", bytes(8_000_000))
    start = content.rindex(b"PK\x01\x02")
    entry, end = content[start : content.index(b"PK\x05\x06")], content[content.index(b"PK\x05\x06") :]
    entries = b"".join(
        entry[:28] + struct.pack("<H", 11) + entry[30:46] + b"a/data/%04d" % index for index in range(1000)
    )
    return content[:start] + entries + end[:8] + struct.pack("<HHII", 1000, 1000, len(entries), start) + end[20:]


def expanded() -> bytes:
    return saved({"model": {"weight": torch.zeros(1).expand(10**6, 10**6)}})


def sparse(*names: str) -> Callable[[Path], None]:
    """The first of some files has a terabyte and takes no room on the disk."""

    def plant(root: Path) -> None:
        for name in reversed(names):
            (root / name).write_bytes(saved({"a": torch.zeros(2, 2)}))
        os.truncate(root / names[0], 2**40)

    return plant


def bind(root: Path) -> None:
    with socket.socket(socket.AF_UNIX) as pipe:
        pipe.bind(str(root / "configs" / "more.json"))


def many(root: Path) -> None:
    for index in range(300):
        (root / "configs" / f"more{index}.json").write_text(json.dumps({"network": f"$open({index})"}))


NESTED = b"\x80\x02)" + b"\x85" * 1_000_000 + b"."
HOSTILE: dict[str, Callable[[Path], None]] = {
    "checkpoint that contains itself": weights(contains_itself),
    "compressed weights": weights(lambda: archive(b"\x80\x02}.", bytes(500_000_000), zipfile.ZIP_DEFLATED)),
    "weights that overlap": weights(overlapping),
    "weights that are one number": weights(expanded),
    "weights that allocate": weights(
        lambda: archive(b"\x80\x02cbuiltins\nbytearray\n\x8a\x06" + (10**12).to_bytes(6, "little") + b"\x85R.")
    ),
    "weights with a deep key": weights(lambda: archive(NESTED[:-1].replace(b"\x80\x02", b"\x80\x02}") + b"Ns.")),
    "weights nested deep": weights(lambda: archive(NESTED)),
    "weights with a large index": weights(lambda: archive(b"\x80\x02}r\xff\xff\xff\x7f.")),
    "weights with a long structure": weights(lambda: archive(b"\x80\x02" + b"}" * 5_000_000 + b".")),
    "weights under themselves for ever": weights(lambda: archive(b"\x80\x02}q\0X\5\0\0\0modelh\0s.")),
    "truncated weights": weights(lambda: saved({"a": torch.zeros(100)})[:-50]),
    "deep JSON": text("configs/more.json", "[" * 200_000),
    "deep JSON that ends": text("configs/more.json", '{"a": ' + "[" * 300 + "]" * 300 + "}"),
    "large JSON": text("configs/more.json", "[" + "1," * 5_000_000 + "1]"),
    "many parts": text("configs/more.json", json.dumps({"a": [0] * 200_000})),
    "long keys": config(**{"a" * 100_000: [0] * 50_000}),
    "long key path": config(**{"::".join("a" * 5000): 1}),
    "long number": text("configs/more.json", "1" * 3_000_000),
    "no UTF-8": text("configs/more.json", b'{"a": "\xff"}'),
    "references in a chain": config(
        **{f"a{index}": f"$@a{index + 1} + '/x'" for index in range(2000)},
        x={"_target_": "CSVSaver", "output_dir": "@a0"},
    ),
    "references that double": config(
        **{f"a{index}": f"$@a{index + 1} + @a{index + 1}" for index in range(40)},
        a40="xx",
        x={"_target_": "CSVSaver", "output_dir": "@a0"},
    ),
    "lists that double": config(
        **{f"a{index}": [f"@a{index + 1}"] * 9 for index in range(40)},
        a40="xx",
        x={"_target_": "CSVSaver", "output_dir": "@a0"},
    ),
    "references in a circle": config(
        a="$@b", b="$@a", x={"_target_": "CSVSaver", "output_dir": "@a", "filename": "/x"}
    ),
    "long expression": config(device="$" + "-" * 100_000 + "1"),
    "deep expression": config(device="$" + "(" * 3000 + ")" * 900),
    "many expressions": config(a=[f"$f{index}('{'x' * 100}')" for index in range(20_000)]),
    "YAML aliases": text("configs/more.yaml", "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]"),
    "YAML that contains itself": text("configs/more.yml", "&a [*a]"),
    "YAML that merges": text("configs/more.yaml", "a: &a {x: 1}\nb: {<<: [*a, *a]}"),
    "YAML in base sixty": text("configs/more.yaml", "a: " + "1:" * 500_000 + "1"),
    "deep YAML": text("configs/more.yaml", "[" * 50_000),
    "logging config of one line": text("configs/logging.conf", "[a]\nargs=" + "(" * 1_000_000),
    "sparse weights": sparse("models/model.pt"),
    "sparse config": sparse("configs/more.json"),
    "sparse checksum": sparse("models/model.pt.sha256", "models/model.pt"),
    "pipe for weights": lambda root: os.mkfifo(root / "models" / "model.pt"),
    "pipe for metadata": lambda root: (
        (root / "configs" / "metadata.json").unlink() or os.mkfifo(root / "configs" / "metadata.json")
    ),
    "socket": bind,
    "link to a device": lambda root: os.symlink("/dev/zero", root / "models" / "model.pt"),
    "link to itself": lambda root: os.symlink("model.pt", root / "models" / "model.pt"),
    "folder for a config": lambda root: (root / "configs" / "inference2.json" / ".x").mkdir(parents=True),
    "many configs": many,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_lint_ends_and_says_what_it_could_not_read(tiny, monkeypatch, name):
    monkeypatch.chdir(tiny)  # a socket's path is short
    HOSTILE[name](Path())
    before = resource.getrlimit(resource.RLIMIT_AS)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    start = time.monotonic()
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, before[1]))
    try:
        found = lint(tiny)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)
    assert found
    assert time.monotonic() - start < 20


def test_lint_gives_up_in_the_end_and_says_so(tiny, monkeypatch):
    from monai_attn.bundle.linting import _lint

    monkeypatch.setattr(_lint, "MAX_SECONDS", 0)
    assert {finding.text for finding in lint(tiny)} >= {"lint gave up after 0 s"}


@pytest.mark.parametrize(
    "name", ["json.py", "torch.py", "typing.py", "sitecustomize.py", "monai/__init__.py", "yaml.py"]
)
def test_the_command_imports_nothing_from_the_bundle(tiny, command, name):
    (tiny / name).parent.mkdir(exist_ok=True)
    (tiny / name).write_text("open('MARKER', 'w').close()")
    done = command("monai_attn", "lint", ".", cwd=tiny)
    assert done.returncode == 1, done.stderr
    assert f"{name}: lint does not know what this is or runs" in done.stdout
    assert not (tiny / "MARKER").exists()


def test_the_function_imports_nothing_from_the_bundle(tiny, monkeypatch):
    import sys

    monkeypatch.chdir(tiny)
    monkeypatch.syspath_prepend("")
    monkeypatch.delitem(sys.modules, "safetensors", raising=False)
    monkeypatch.delitem(sys.modules, "safetensors.torch", raising=False)
    (tiny / "safetensors.py").write_text("open('MARKER', 'w').close()")
    (tiny / "models" / "a.safetensors").write_bytes(b"no")
    assert [finding.file for finding in lint(".")] == ["models/a.safetensors"] * 2 + ["safetensors.py"]
    assert not (tiny / "MARKER").exists()
