"""Read what ``torch.save`` wrote, in memory bounded by the size of the file.

``torch.load(weights_only=True)`` runs no code, but lets the file decide how much it allocates: 352 bytes become 3 GB
with ``bytearray(3 << 30)``, a compressed member of 6 MB becomes 6 GB, and a view of one number a tensor of any shape.
"""

import io
import pickletools
import sys
import zipfile
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor

__all__ = ["MAX_STRUCTURE", "read_torch_file"]

MAX_STRUCTURE = 4 * 2**20  # bytes; 2000 tensors and their optimizer take 0.6 MB
MAX_MEMBERS = 100_000
MAX_SHARING = 8  # how often the same numbers may stand in a file under several names
STORAGES = {
    f"torch {name}Storage": dtype
    for dtype, name in {
        torch.float64: "Double",
        torch.float32: "Float",
        torch.float16: "Half",
        torch.bfloat16: "BFloat16",
        torch.int64: "Long",
        torch.int32: "Int",
        torch.int16: "Short",
        torch.int8: "Char",
        torch.uint8: "Byte",
        torch.bool: "Bool",
        torch.complex64: "ComplexFloat",
        torch.complex128: "ComplexDouble",
    }.items()
}
CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
IGNORED = ("Counter", "Size", "device", "encode", "set", "complex")  # an optimizer's or a schedule's, and no tensors


def read_torch_file(content: bytes) -> Any:
    """The tensors, numbers and texts of a file, in their dicts, lists and tuples; nothing of it is called.

    Args:
        content: the file's bytes, a zip archive as torch has written since 1.6.

    Raises:
        Exception: of many kinds, when it is damaged, holds something else, or would grow.
    """
    if content.count(b"PK\x01\x02") > MAX_MEMBERS:
        raise ValueError(f"it has more than {MAX_MEMBERS} members")
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = archive.infolist()
        size = sum(member.file_size for member in members)
        if size > len(content) or any(member.compress_type != zipfile.ZIP_STORED for member in members):
            raise ValueError(f"it is compressed or overlaps: {size / 1e6:.1f} MB in {len(content) / 1e6:.1f} MB")
        folders = {member.filename.partition("/")[0] for member in members}
        if len(folders) != 1:
            raise ValueError(f"it has {len(folders)} folders, not one")
        return _Reader(archive, folders.pop(), len(content)).read()


class StateDict(dict[str, Any]):
    """What stands for torch's ``OrderedDict``.

    Attributes:
        metadata: what torch keeps beside the tensors, such as versions of modules.
    """

    metadata: Mapping[str, Any] = MappingProxyType({})


class _Reader:
    """Interpret the opcodes that ``torch.save`` writes for containers of tensors."""

    def __init__(self, archive: zipfile.ZipFile, folder: str, size: int) -> None:
        self.archive, self.folder = archive, folder
        self.left = MAX_SHARING * size
        self.buffers: dict[str, Tensor] = {}
        self.known: dict[str, Any] = {
            **STORAGES,
            "collections OrderedDict": StateDict,
            "torch._utils _rebuild_tensor_v2": self._tensor,
            "torch._utils _rebuild_tensor_v3": self._tensor,
            "torch._utils _rebuild_parameter": lambda tensor, *_: tensor,
            "torch.storage UntypedStorage": torch.uint8,
        }

    def read(self) -> Any:
        order = f"{self.folder}/byteorder"
        if order in self.archive.namelist() and self.archive.read(order) != sys.byteorder.encode():
            raise ValueError(f"its numbers are not {sys.byteorder}-endian")
        name = f"{self.folder}/data.pkl"
        if self.archive.getinfo(name).file_size > MAX_STRUCTURE:
            raise ValueError(f"its structure has more than {MAX_STRUCTURE / 1e6:.0f} MB")
        stack: list[Any] = []
        marks: list[int] = []
        memo: dict[Any, Any] = {}

        def pop(count: int | None = None) -> list[Any]:
            start = marks.pop() if count is None else len(stack) - count
            items = stack[start:]
            del stack[start:]
            return items

        for operation, value, _ in pickletools.genops(self.archive.read(name)):
            match operation.name:
                case "BINUNICODE" | "BININT" | "BININT1" | "BININT2" | "BINFLOAT" | "LONG1":
                    stack.append(value)
                case "NONE" | "NEWTRUE" | "NEWFALSE" | "EMPTY_TUPLE" as constant:
                    stack.append(CONSTANTS[constant])
                case "EMPTY_DICT" | "EMPTY_LIST" as container:
                    stack.append({} if container == "EMPTY_DICT" else [])
                case "MARK":
                    marks.append(len(stack))
                case "TUPLE":
                    stack.append(tuple(pop()))
                case "TUPLE1" | "TUPLE2" | "TUPLE3" as kind:
                    stack.append(tuple(pop(int(kind[-1]))))
                case "APPEND" | "APPENDS" as kind:
                    items = pop(1 if kind == "APPEND" else None)
                    stack[-1].extend(items)
                case "SETITEM" | "SETITEMS" as kind:
                    items = pop(2 if kind == "SETITEM" else None)
                    for key, item in zip(items[::2], items[1::2], strict=True):
                        stack[-1][_key(key)] = item
                case "BINPUT" | "LONG_BINPUT":
                    memo[value] = stack[-1]
                case "BINGET" | "LONG_BINGET":
                    stack.append(memo[value])
                case "GLOBAL":
                    stack.append(self._function(value))
                case "BINPERSID":
                    stack.append(self._storage(*stack.pop()))
                case "REDUCE":
                    function, arguments = pop(2)
                    if function is StateDict and arguments:  # it would copy them, each time
                        raise ValueError("an OrderedDict is written in another way than torch does")
                    stack.append(function(*arguments))
                case "BUILD":  # attributes of a state dict
                    (attributes,) = pop(1)
                    found = attributes.get("_metadata") if isinstance(attributes, dict) else None
                    if isinstance(found, dict) and isinstance(stack[-1], StateDict):
                        stack[-1].metadata = found
                case "PROTO" | "STOP":
                    pass
                case other:
                    raise ValueError(f"it is pickled with {other}, which torch does not use")
        return stack.pop()

    def _function(self, name: Any) -> Any:
        """What stands in for a function or class of the file."""
        module, _, last = name.partition(" ")
        if name in self.known:
            return self.known[name]
        if module == "torch" and isinstance(dtype := vars(torch).get(last), torch.dtype):
            return dtype
        if last in IGNORED:
            return lambda *_: None
        raise ValueError(f"it holds more than tensors, numbers and texts: {module}.{last}")

    def _storage(self, _kind: str, dtype: torch.dtype, key: str, *_place: Any) -> Tensor:
        if _key(key) not in self.buffers:
            numbers = bytearray(self.archive.read(f"{self.folder}/data/{key}"))
            self.buffers[key] = torch.frombuffer(numbers, dtype=torch.uint8) if numbers else torch.empty(0).byte()
        return self.buffers[key].view(dtype)

    def _tensor(
        self, flat: Tensor, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *more: Any
    ) -> Tensor:
        if len(more) > 2 and isinstance(more[2], torch.dtype):  # of the third version
            flat = flat.view(more[2])
        tensor = flat.as_strided(shape, strides, offset)
        self.left -= tensor.nbytes
        if tensor.nbytes > flat.nbytes or self.left < 0:
            raise ValueError("its tensors stand for more numbers than it holds")
        return tensor


def _key(key: Any) -> str | int:
    if not isinstance(key, str | int):
        raise ValueError(f"a key is a {type(key).__name__}")  # hashing deep tuples ends Python
    return key
