"""One place knows what an exception means: memory, workers, the disk, and what MONAI wraps around others."""

import errno
import re

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from monai_attn.errors import (
    OutputError,
    ResourceExhausted,
    TrainingInterrupted,
    explain,
    is_out_of_memory,
    worker_report,
)

FRAMES = '  File "a.py", line 1, in f\n    g()\n    ^^^\n'
HANDLED = "\nDuring handling of the above exception, another exception occurred:\n\n"
DIRECT = "\nThe above exception was the direct cause of the following exception:\n\n"


def sent(*raised: str, kind: type[Exception] = RuntimeError, links: tuple[str, ...] = (DIRECT,) * 9) -> Exception:
    """What torch makes of an exception in a worker: a traceback in words."""
    text = f"Caught {kind.__name__} in DataLoader worker process 0.\nOriginal "
    for line, link in zip(raised, ("", *links), strict=False):
        text += f"{link}Traceback (most recent call last):\n{FRAMES}{line}\n"
    return kind(text)


def by_monai(cause: Exception) -> Exception:
    outer = RuntimeError("applying transform <monai.transforms.io.dictionary.LoadImaged object at 0x7f>")
    outer.__cause__ = cause
    return outer


OUT_OF_MEMORY = [
    MemoryError(),
    np._core._exceptions._ArrayMemoryError((2**50,), np.dtype(float)),
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 8.00 GiB"),
    torch.AcceleratorError("CUDA error: out of memory\nCUDA kernel errors might be asynchronously reported"),
    RuntimeError("CUDA error: out of memory\nCompile with `TORCH_USE_CUDA_DSA` to enable device-side assertions."),
    RuntimeError(
        "MPS backend out of memory (MPS allocated: 9.00 GB, other allocations: 1.00 GB, max allowed: 9.07 GB)"
    ),
    RuntimeError("HIP out of memory. Tried to allocate 2.00 GiB"),
    RuntimeError("XPU out of memory. Tried to allocate 2.00 GiB"),
    RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes. Error code 12"),
    RuntimeError(
        "[enforce fail at alloc_cpu.cpp:83] data. DefaultCPUAllocator: not enough memory: you tried to allocate"
    ),
    RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
    RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    RuntimeError("NCCL error: unhandled cuda error. Last error: Cuda failure 'out of memory'"),
    RuntimeError("std::bad_alloc"),
    RuntimeError("unable to mmap 64 bytes from file <model.pt>: Cannot allocate memory (12)"),
    OSError(errno.ENOMEM, "Cannot allocate memory"),
    OSError(errno.ENOMEM, "Cannot allocate memory", "/data/a.nii"),
    by_monai(MemoryError("Unable to allocate 90. GiB")),
    sent("numpy._core._exceptions._ArrayMemoryError: Unable to allocate 8.00 PiB for an array"),
    sent("MemoryError", kind=MemoryError),
    sent("torch.OutOfMemoryError: CUDA out of memory. Tried\nto allocate", kind=torch.OutOfMemoryError),
    sent("OSError: [Errno 12] Cannot allocate memory: '/a/b'", kind=OSError),
    sent("MemoryError", "RuntimeError: applying transform <a>", "RuntimeError: applying transform <b>"),
    sent("KeyError: 'k'", "RuntimeError: CUDA error: out of memory", links=(HANDLED,)),
    by_monai(sent("MemoryError", "RuntimeError: applying transform <a>")),
]

OTHERS = [
    ValueError("out of memory"),
    FileNotFoundError(errno.ENOENT, "No such file", "/data/out of memory.nii"),
    RuntimeError("'/data/out of memory/a.nii' cannot be read"),
    RuntimeError('cannot read "C:\\out of memory\\a.nii"'),
    RuntimeError(
        "cuDNN error: CUDNN_STATUS_NOT_SUPPORTED. This error may appear if you passed in a non-contiguous input."
    ),
    RuntimeError("out of resource: shared memory, Required: 262144, Hardware limit: 232448"),
    torch.AcceleratorError("CUDA error: device-side assert triggered"),
    KeyError("image"),
    sent("OSError: [Errno 2] No such file or directory: '/out of memory/a.nii'", kind=OSError),
    sent("MemoryError", "ValueError: the case 'a' is odd"),  # someone's own words for it
    sent("MemoryError", "RuntimeError: applying transform <a>", links=(HANDLED,)),
]


@pytest.mark.parametrize("error", OUT_OF_MEMORY, ids=lambda error: str(error)[:40])
def test_out_of_memory_is_known_whoever_says_it(error):
    assert is_out_of_memory(error)
    found = explain(error)
    assert isinstance(found, ResourceExhausted)
    assert re.fullmatch(
        r"out of memory \(.+\): lower `batch_size` .* `patch_size`; `cache_rate` 0 keeps .*", str(found)
    )
    assert "Traceback" not in str(found)
    assert "--" not in str(found)
    assert explain(found) is None  # once is enough


@pytest.mark.parametrize("error", OTHERS, ids=lambda error: str(error)[:40])
def test_other_errors_are_not_taken_for_it(error):
    assert not is_out_of_memory(error)
    assert explain(error) is None


def test_the_real_ones_are_known():
    for allocate in (np.empty, torch.empty):
        with pytest.raises((MemoryError, RuntimeError)) as caught:
            allocate(2**50)
        assert is_out_of_memory(caught.value)


class Failing(torch.utils.data.Dataset):
    """Fails in a worker, as MONAI's transforms do."""

    def __len__(self):
        return 1

    def __getitem__(self, index):
        try:
            np.empty(2**50)
        except MemoryError as error:
            raise RuntimeError("applying transform <monai.transforms...>") from error


def test_what_a_worker_raised_is_found_in_its_traceback():
    batches = iter(DataLoader(Failing(), num_workers=1))
    with pytest.raises(RuntimeError) as caught:
        next(batches)
    report = worker_report(caught.value)
    assert report.worker == "DataLoader worker process 0"
    assert report.kind.endswith("MemoryError")
    assert report.text.startswith("Unable to allocate 8.00 PiB for an array")
    assert is_out_of_memory(caught.value)
    assert worker_report(RuntimeError("Caught up in traffic.\n")) is None
    assert worker_report(sent("ValueError: one\n  two: three")).text == "one\n  two: three"


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (RuntimeError("DataLoader worker (pid(s) 7) exited unexpectedly"), ResourceExhausted, "pass `num_workers` 0"),
        (RuntimeError("DataLoader worker (pid 7) is killed by signal: Bus error."), ResourceExhausted, "--shm-size"),
        (RuntimeError("unable to open shared memory object </torch_1>"), ResourceExhausted, "hand over their data"),
        (RuntimeError("unable to mmap 64 bytes from file </torch_1>: Cannot"), ResourceExhausted, "room in /dev"),
        (RuntimeError("received 0 items of ancdata"), ResourceExhausted, "--shm-size"),
        (sent("RuntimeError: unable to write to file </torch_1>: No space"), ResourceExhausted, "could not hand"),
        (OSError(errno.ENOSPC, "No space left on device"), OSError, "free some"),
        (OSError(errno.EDQUOT, "Disk quota exceeded", "a.pt"), OSError, "quota exceeded: 'a.pt'): free some"),
        (sent("OSError: [Errno 28] No space left on device: 'a'", kind=OSError), OSError, "the disk is full ([Err"),
    ],
)  # fmt: skip
def test_what_runs_out_has_a_cure(error, kind, words):
    found = explain(error)
    assert isinstance(found, kind)
    assert words in str(found)
    assert "\n" not in str(found)
    assert explain(found) is None


def test_errors_with_a_cure_of_their_own_keep_it():
    assert explain(OutputError("'a' cannot be written (No space left on device): make room")) is None
    assert explain(TrainingInterrupted("SIGTERM ended the training, DataLoader worker killed by signal", 15)) is None
