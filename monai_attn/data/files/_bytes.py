"""The bytes of a file: read once, unpacked, and recognised by how they begin."""

import gzip
import hashlib
import io
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

__all__ = ["FileBytes", "digest_files", "kind_of_content"]

GZIP = b"\x1f\x8b"
GZIPPED = (".gz", ".mgz")
MAX_RATIO = 1032  # deflate packs no better
MAGIC = {  # how files of other kinds begin
    b"\xff\xd8\xff": "a JPEG picture",
    b"\x89PNG": "a PNG picture",
    b"GIF8": "a GIF picture",
    b"II*\0": "a TIFF picture",
    b"PK": "a zip archive",
    b"%PDF": "a PDF document",
    b"NRRD": "a NRRD file",
    b"<": "a web page",
    b"{": "a JSON file",
}
NIFTI = (b"\x5c\x01\0\0", b"\0\0\x01\x5c", b"\x1c\x02\0\0", b"\0\0\x02\x1c")  # the header's size, 348 or 540


class FileBytes:
    """A file on the disk, or its copy in memory once it was kept.

    Args:
        path: the file.
        keep: whether to read all of it now, so that whatever is read later comes from the same bytes.
        unpack: whether to unpack it on reading where its ending says gzip.
    """

    def __init__(self, path: str, keep: bool = False, unpack: bool = True) -> None:
        self.path = path
        self.packed = unpack and path.lower().endswith(GZIPPED)
        self.stored = os.stat(path).st_size
        self.kept = Path(path).read_bytes() if keep else None

    @contextmanager
    def open(self) -> Iterator[BinaryIO]:
        """The unpacked content, from its beginning."""
        with Path(self.path).open("rb") if self.kept is None else io.BytesIO(self.kept) as file:
            if not self.packed:
                yield file
                return
            with gzip.GzipFile(fileobj=file) as unpacked:
                yield cast(BinaryIO, unpacked)

    def read(self, offset: int, size: int) -> NDArray[np.uint8]:
        """Bytes of the unpacked content.

        Raises:
            EOFError: when there are fewer; nothing is allocated for bytes that cannot be there.
            OSError: when gzip finds them damaged.
        """
        if self.kept is not None and not self.packed:
            found = np.frombuffer(self.kept, np.uint8)[offset : offset + size]
            return self._all_of(found, offset, size)
        if offset + size > self.stored * (MAX_RATIO if self.packed else 1):
            raise EOFError(f"its {self.stored} bytes cannot hold the {offset + size} that the header promises")
        buffer = np.empty(size, np.uint8)
        with self.open() as file:
            file.seek(offset)
            done = 0
            while done < size and (count := cast(Any, file).readinto(buffer[done:])):
                done += count
            if done == size:
                file.read(1)  # at the end gzip compares its checksum
        return self._all_of(buffer[:done], offset, size)

    def _all_of(self, found: NDArray[np.uint8], offset: int, size: int) -> NDArray[np.uint8]:
        if found.size < size:
            raise EOFError(f"it ends after {offset + found.size} of {offset + size} bytes")
        return found


def digest_files(files: Iterable[FileBytes]) -> str:
    """A digest of the bytes of one file, or of the parts that make one image, packed as they are."""
    digest = hashlib.blake2b(digest_size=16)
    for file in files:
        if file.kept is not None:
            digest.update(file.kept)
            continue
        with Path(file.path).open("rb") as stream:
            while block := stream.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


def kind_of_content(path: str) -> str | None:
    """What a file is by its first bytes if it is not what its ending says, as far as they tell."""
    is_nrrd = path.lower().endswith((".nrrd", ".nhdr"))
    try:
        with Path(path).open("rb") as file:
            start = file.read(348)
        if not start:
            return "it is empty, 0 bytes"
        packed = start.startswith(GZIP)
        if packed != path.lower().endswith(GZIPPED) and not is_nrrd:
            if packed:
                return f"it is compressed, and should be called {Path(path).name}.gz"
            if start.startswith(NIFTI):
                return "it is not compressed, and should be called .nii"
        if packed:
            with gzip.open(path) as unpacked:
                start = unpacked.read(348)
    except (OSError, EOFError):
        return None
    if start[128:132] == b"DICM":
        return "it is a DICOM file"
    kind = next((kind for magic, kind in MAGIC.items() if start.startswith(magic)), None)
    return None if kind is None or (is_nrrd and "NRRD" in kind) else f"it is {kind}"
