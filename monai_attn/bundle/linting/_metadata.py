"""``metadata.json``: what the model zoo's schema asks for, and whether it fits the network."""

from collections.abc import Iterator, Mapping
from typing import Any

from monai.bundle.utils import DEPRECATED_ID_MAPPING

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


def lint_metadata(metadata: dict[str, Any], configs: Mapping[str, dict[str, Any]]) -> Iterator[LintFinding]:
    """What ``metadata.json`` lacks or says otherwise than the network.

    Args:
        metadata: its content.
        configs: content of the other configs, by their paths in the bundle.
    """
    yield from _fields({DEPRECATED_ID_MAPPING.get(name, name): value for name, value in metadata.items()}, REQUIRED, "")
    version, changelog = metadata.get("version"), metadata.get("changelog")
    if changelog is None or (isinstance(changelog, dict) and isinstance(version, str) and version not in changelog):
        yield LintFinding(FILE, "changelog", f"it has nothing on version '{version}'", "say what that version changed")
    formats = metadata.get("network_data_format")
    for side, main, channels in (("inputs", "image", "in_channels"), ("outputs", "pred", "out_channels")):
        tensors = formats.get(side) if isinstance(formats, dict) else None
        key = f"network_data_format::{side}"
        if isinstance(formats, dict) and (not isinstance(tensors, dict) or not tensors):
            yield LintFinding(FILE, key, "it is missing or empty", f"describe the network's {side}")
        for name, tensor in tensors.items() if isinstance(tensors, dict) else ():
            if isinstance(tensor, dict):
                yield from _fields(tensor, TENSOR, f"{key}::{name}::")
                yield from _numbers(tensor, f"{key}::{name}", channels if name == main else "", configs)


def _fields(content: dict[str, Any], required: dict[str, type], prefix: str) -> Iterator[LintFinding]:
    for name, kind in required.items():
        if name not in content:
            yield LintFinding(FILE, f"{prefix}{name}", "it is missing", f"add {NAMES[kind]}")
        elif not isinstance(content[name], kind) or isinstance(content[name], bool):
            yield LintFinding(FILE, f"{prefix}{name}", f"it is not {NAMES[kind]}", f"write {NAMES[kind]}")


def _numbers(
    tensor: dict[str, Any], key: str, channels: str, configs: Mapping[str, dict[str, Any]]
) -> Iterator[LintFinding]:
    """The numbers of a tensor against its channels' names, and those of ``network_def`` where both are numbers."""
    names, count, shape = tensor.get("channel_def"), tensor.get("num_channels"), tensor.get("spatial_shape")
    if isinstance(names, dict) and isinstance(count, int) and len(names) != count:
        text = f"it names {len(names)} of {count} channels"
        yield LintFinding(FILE, f"{key}::channel_def", text, "name each channel")
    sizes = {"num_channels": (count, channels), "spatial_shape": (len(shape or ()), "spatial_dims")}
    for file, content in configs.items() if channels else ():
        network = content.get("network_def")
        for name, (said, argument) in sizes.items():
            wanted = network.get(argument) if isinstance(network, dict) else None
            if isinstance(wanted, int) and isinstance(said, int) and said != wanted:
                text = f"{said} is not network_def::{argument}={wanted} of {file}"
                yield LintFinding(FILE, f"{key}::{name}", text, "correct the one that is wrong")
