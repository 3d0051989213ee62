"""``metadata.json``: what the model zoo's schema asks for, and whether it fits the network."""

from collections.abc import Iterator, Mapping
from typing import Any

from ._finding import LintFinding

__all__ = ["lint_metadata"]

FILE = "configs/metadata.json"
REQUIRED: dict[str, type] = {
    **dict.fromkeys(("schema", "version", "monai_version", "pytorch_version", "numpy_version"), str),
    **dict.fromkeys(("task", "description", "authors", "copyright"), str),
    **dict.fromkeys(("required_packages_version", "network_data_format"), dict),
}
TENSOR: dict[str, type] = {
    **dict.fromkeys(("type", "format", "dtype"), str),
    **dict.fromkeys(("spatial_shape", "value_range"), list),
    "num_channels": int,
}
NAMES = {str: "a text", dict: "an object", list: "a list", int: "an integer"}
CHANNELS = {"inputs": ("image", "in_channels"), "outputs": ("pred", "out_channels")}


def lint_metadata(metadata: Any, configs: Mapping[str, Any]) -> Iterator[LintFinding]:
    """What ``metadata.json`` lacks or says otherwise than the network.

    Args:
        metadata: its content.
        configs: content of the other configs, by their paths in the bundle.
    """
    if not isinstance(metadata, dict):
        yield LintFinding(FILE, "", "it is no object", "write {...} with what the model zoo's schema asks for")
        return
    yield from _fields(metadata, REQUIRED, "")
    version, changelog = metadata.get("version"), metadata.get("changelog")
    if changelog is None or (isinstance(changelog, dict) and isinstance(version, str) and version not in changelog):
        yield LintFinding(FILE, "changelog", f"it has nothing on version '{version}'", "say what that version changed")
    data_format = metadata.get("network_data_format")
    if not isinstance(data_format, dict):
        return
    for side, (tensor, argument) in CHANNELS.items():
        tensors = data_format.get(side)
        key = f"network_data_format::{side}"
        if not isinstance(tensors, dict) or not tensors:
            yield LintFinding(FILE, key, "it is missing or empty", f"describe the network's {side}")
            continue
        for name, value in tensors.items():
            if isinstance(value, dict):
                yield from _fields(value, TENSOR, f"{key}::{name}::")
                yield from _channel_names(value, f"{key}::{name}")
        if isinstance(tensors.get(tensor), dict):
            yield from _network(tensors[tensor], f"{key}::{tensor}", argument, configs)


def _fields(content: dict[str, Any], required: dict[str, type], prefix: str) -> Iterator[LintFinding]:
    for name, kind in required.items():
        if name not in content:
            yield LintFinding(FILE, f"{prefix}{name}", "it is missing", f"add {NAMES[kind]}")
        elif not isinstance(content[name], kind) or isinstance(content[name], bool):
            yield LintFinding(FILE, f"{prefix}{name}", f"it is no {NAMES[kind].split()[1]}", f"write {NAMES[kind]}")


def _channel_names(tensor: dict[str, Any], key: str) -> Iterator[LintFinding]:
    names, count = tensor.get("channel_def"), tensor.get("num_channels")
    if isinstance(names, dict) and isinstance(count, int) and len(names) != count:
        yield LintFinding(
            FILE, f"{key}::channel_def", f"it names {len(names)} of {count} channels", "name each channel"
        )


def _network(tensor: dict[str, Any], key: str, argument: str, configs: Mapping[str, Any]) -> Iterator[LintFinding]:
    """The numbers of a tensor against those of ``network_def``, where both stand there as numbers."""
    shape = tensor.get("spatial_shape")
    said = {
        "num_channels": tensor.get("num_channels"),
        "spatial_shape": len(shape) if isinstance(shape, list) else None,
    }
    for file, content in configs.items():
        network = content.get("network_def") if isinstance(content, dict) else None
        if not isinstance(network, dict):
            continue
        for name, wanted in (("num_channels", network.get(argument)), ("spatial_shape", network.get("spatial_dims"))):
            if isinstance(wanted, int) and isinstance(said[name], int) and said[name] != wanted:
                other = argument if name == "num_channels" else "spatial_dims"
                text = f"{said[name]} is not network_def::{other}={wanted} of {file}"
                yield LintFinding(FILE, f"{key}::{name}", text, "correct the one that is wrong")
