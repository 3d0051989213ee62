"""What an exception means: the original one beneath MONAI's, memory and workers that gave out, and what to do."""

import errno
import re
from typing import NamedTuple

__all__ = [
    "OutputError",
    "ResourceExhausted",
    "TrainingInterrupted",
    "WorkerReport",
    "explain",
    "is_out_of_memory",
    "root_cause",
    "worker_report",
]

MEMORY = "lower `batch_size` of a training, `sw_batch_size` or `patch_size`; `cache_rate` 0 keeps no cases in memory"
WORKERS = "pass `num_workers` 0, or see that there is memory and room in /dev/shm for them (docker run --shm-size=4g)"

# MONAI wraps an exception once per nested expression, component or transform.
_WRAPPERS = ("Failed to evaluate", "Failed to instantiate", "applying transform")

# What a worker process or thread sends is a traceback, which torch makes the message of a new exception.
_WORKER = re.compile(r"Caught \w+ in ([^\n]+)\.\n")
_LINK = re.compile(r"\n(The above|During handling of the above) exception[^\n]*:\n")
_RAISED = re.compile(r"^([A-Za-z_][\w.]*)(?:: |$)(.*)", re.MULTILINE | re.DOTALL)

_NO_MEMORY = re.compile(  # CUDA, HIP, XPU, MPS and NCCL; processors; cuDNN, cuBLAS and cuFFT; C++; OpenCL
    r"out[ _]of[ _](device[ _]|host[ _])?memory|not enough memory|(can't|cannot|could not|unable to|failed to) allocate"
    r"|alloc_failed|bad[ _]alloc|mem_object_allocation_failure"
)  # not CUDNN_STATUS_NOT_SUPPORTED, which has other causes too
_PAGING_FILE = 1455  # Windows: it is too small
_WORKER_DIED = re.compile(r"dataloader worker.*(exited unexpectedly|killed by signal)")
_NOT_HANDED_OVER = re.compile(r"</?torch_|shared memory (object|manager)|shared file mapping|0 items of ancdata")
_DISK_FULL = (errno.ENOSPC, errno.EDQUOT)
_QUOTED_PATH = re.compile(r"(['\"])[^'\"\n]*[/\\][^'\"\n]*\1")  # folders may have any name


class OutputError(OSError):
    """The folder of results cannot take them; no other case would fare better."""


class ResourceExhausted(RuntimeError):  # noqa: N818 - the machine's state, not a mistake
    """Memory or a worker process gave out; the text says what to lower."""


class TrainingInterrupted(RuntimeError):  # noqa: N818 - not an error, as KeyboardInterrupt is not
    """A signal ended the training, whose last checkpoint is complete.

    Attributes:
        status: for the shell, 130 after Ctrl-C and 143 after SIGTERM.
    """

    def __init__(self, text: str, number: int) -> None:
        super().__init__(text)
        self.status = 128 + number


class WorkerReport(NamedTuple):
    """What a DataLoader worker raised, of which only a traceback in words came back.

    Attributes:
        worker: which one, such as "DataLoader worker process 0".
        kind: name of the exception's class.
        text: its message.
    """

    worker: str
    kind: str
    text: str


def root_cause(error: BaseException) -> BaseException:
    """Unwrap the original exception from MONAI's re-raised ones."""
    while error.__cause__ is not None and str(error).startswith(_WRAPPERS):
        error = error.__cause__
    return error


def worker_report(error: BaseException) -> WorkerReport | None:
    """Unwrap what a worker process raised, of which torch passes on a text only; ``None`` for other exceptions."""
    text = str(root_cause(error))
    worker = _WORKER.match(text)
    first, *chain = _LINK.split(text)
    raised = [_RAISED.search(block) for block in (first, *chain[1::2])]
    links = chain[::2]
    while links and links.pop() == "The above" and raised[-1] and raised[-1][2].startswith(_WRAPPERS):
        raised.pop()
    cause = raised[-1]
    return WorkerReport(worker[1], cause[1], cause[2].strip()) if worker and cause else None


def is_out_of_memory(error: BaseException) -> bool:
    """Whether memory gave out, that of the machine or of a device, in this process or in a worker."""
    cause, kind, text = _read(error)
    if isinstance(cause, MemoryError) or kind.endswith("MemoryError"):  # NumPy's, torch's
        return True
    if isinstance(cause, OSError):  # whose text may hold a file's name
        return _number(cause, text) == errno.ENOMEM or getattr(cause, "winerror", None) == _PAGING_FILE
    return isinstance(cause, RuntimeError) and _NO_MEMORY.search(_strip_paths(text)) is not None


def explain(error: BaseException) -> Exception | None:
    """For what machines run out of, an exception with cause and cure in one line; ``None`` for others."""
    cause, kind, text = _read(error)
    if isinstance(cause, ResourceExhausted | TrainingInterrupted | OutputError):
        return None
    lines = text.splitlines() or [kind]
    first = ". ".join(lines[0].split(". ")[:2]).rstrip(". ")  # torch goes on about its allocator
    if isinstance(cause, RuntimeError) and _WORKER_DIED.search(_strip_paths(text)):
        return ResourceExhausted(f"a DataLoader worker died ({first}), most often for lack of memory: {WORKERS}")
    if isinstance(cause, RuntimeError) and _NOT_HANDED_OVER.search(_strip_paths(text)):
        return ResourceExhausted(f"DataLoader workers could not hand over their data ({first}): {WORKERS}")
    if is_out_of_memory(cause):
        return ResourceExhausted(f"out of memory ({first}): {MEMORY}")
    if isinstance(cause, OSError) and _number(cause, text) in _DISK_FULL:
        return OSError(f"the disk is full ({first}): free some of it and run it again, a training with resume.json")
    return None


def _read(error: BaseException) -> tuple[BaseException, str, str]:
    """The exception beneath all wrappers, the name of what was raised first, and its text."""
    cause = root_cause(error)
    report = worker_report(cause)
    return (cause, report.kind, report.text) if report else (cause, type(cause).__name__, str(cause).strip())


def _number(error: OSError, text: str) -> int | None:
    """``errno``, which an exception that comes from a worker has in its text only."""
    found = re.match(r"\[Errno (\d+)\]", text)
    return int(found[1]) if found else error.errno


def _strip_paths(text: str) -> str:
    return _QUOTED_PATH.sub("", text).lower()
