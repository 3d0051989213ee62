"""The reader of torch's files: it gives what torch gives, and takes no more memory than the file."""

import collections
import io
import pickle
import resource
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch

from monai_attn import load_weights
from monai_attn.networks import OtherArchitectureError, OtherClassesError, WeightsError
from monai_attn.networks._torch_file import read_torch_file


def saved(state: Any, **options: Any) -> bytes:
    file = io.BytesIO()
    torch.save(state, file, **options)
    return file.getvalue()


def archive(pickled: bytes, numbers: bytes = b"", method: int = zipfile.ZIP_STORED, order: bytes = b"little") -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as members:
        members.writestr("a/data.pkl", pickled)
        members.writestr("a/byteorder", order)
        members.writestr("a/data/0", numbers)
    return file.getvalue()


def equal(one: Any, other: Any) -> bool:
    if isinstance(one, torch.Tensor):
        same = one.dtype == other.dtype and one.shape == other.shape
        return same and one.detach().numpy(force=True).tobytes() == other.detach().numpy(force=True).tobytes()
    if isinstance(one, dict):
        return list(one) == list(other) and all(equal(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return type(one) is type(other) and len(one) == len(other) and all(map(equal, one, other))
    return one == other


KINDS = [
    "float64",
    "float32",
    "float16",
    "int64",
    "int32",
    "int16",
    "int8",
    "uint8",
    "bool",
    "complex64",
    "complex128",
    "uint16",
    "uint32",
    "uint64",
]


@pytest.mark.parametrize("kind", KINDS)
def test_numbers_of_each_kind(kind):
    tensor = (torch.randn(3, 4, dtype=torch.complex128) * 9).abs().to(getattr(torch, kind))
    assert equal(read_torch_file(saved({"a": tensor})), {"a": tensor})


@pytest.mark.parametrize("kind", ["bfloat16", "float8_e5m2"])
def test_numbers_that_numpy_does_not_have(kind):
    tensor = torch.randn(3, 4).to(getattr(torch, kind))
    (found,) = read_torch_file(saved([tensor]))
    assert found.dtype == tensor.dtype
    assert torch.equal(found.float(), tensor.float())


def test_views_parameters_and_empty_tensors():
    whole = torch.randn(4, 6)
    state = collections.OrderedDict(
        turned=whole.t(), part=whole[1:3, ::2], whole=whole, number=torch.tensor(1.5), none=torch.zeros(0, 3)
    )
    state["parameter"] = torch.nn.Parameter(torch.ones(2))
    found = read_torch_file(saved(state))
    assert equal(found, dict(state))
    assert found["part"].untyped_storage().data_ptr() == found["whole"].untyped_storage().data_ptr()


def test_what_trainings_save():
    network = torch.nn.Sequential(torch.nn.Conv2d(1, 8, 3), torch.nn.BatchNorm2d(8))
    optimizer = torch.optim.AdamW(network.parameters())
    network(torch.randn(2, 1, 8, 8)).sum().backward()
    optimizer.step()
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1.0, 10)
    state = {"model": network.state_dict(), "optimizer": optimizer.state_dict(), "lr": schedule.state_dict()}
    state |= {"random": torch.get_rng_state(), "names": ["a", ("b", 2**70, -1, 0.5, None, True)]}
    content = saved(state)
    assert equal(read_torch_file(content), torch.load(io.BytesIO(content), weights_only=True))
    milestones = torch.optim.lr_scheduler.MultiStepLR(optimizer, [3, 4]).state_dict()  # has a Counter, and no tensors
    assert equal(read_torch_file(saved({"a": torch.ones(2), "lr": milestones}))["a"], torch.ones(2))


class Payload:
    def __reduce__(self):
        return (open, ("MARKER", "w"))


WHOLE = torch.zeros(10**6)
ALLOCATE = b"\x80\x02cbuiltins\nbytearray\n\x8a\x06" + (10**12).to_bytes(6, "little") + b"\x85R."


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (saved({"a": Payload()}), "io.open"),
        (pickle.dumps(Payload()), "not a zip file"),
        (saved({"a": torch.ones(2)}, _use_new_zipfile_serialization=False), "not a zip file"),
        (saved({"a": torch.ones(2)}, pickle_protocol=4), "FRAME"),
        (archive(ALLOCATE), "builtins.bytearray"),
        (archive(b"\x80\x02}.", bytes(10**7), zipfile.ZIP_DEFLATED), "compressed"),
        (archive(b"\x80\x02}.", b"x" * 100, zipfile.ZIP_LZMA), "compressed"),
        (archive(b"\x80\x02}.", order=b"big"), "little-endian"),
        (archive(b"\x80\x02" + b"}" * 5_000_000 + b"."), "structure"),
        (archive(b"\x80\x02" + b"\x85" * 10), "pickle"),
        (archive(b"\x80\x02})" + b"\x85" * 1_000_000 + b"Ns."), "a key is a tuple"),
        (archive(b"\x80\x02ccollections\nOrderedDict\n]\x85R."), "OrderedDict"),
        (saved({"a": torch.zeros(1).expand(10**6, 10**6)}), "more numbers than it holds"),
        (saved([WHOLE[index:] for index in range(100)]), "more numbers than it holds"),
        (saved({"a": torch.zeros(3).to_sparse()}), "_rebuild_sparse_tensor"),
        (saved({"a": torch.zeros(3)})[:-30], "not a zip file"),
        (saved({"a": torch.zeros(3)}).replace(bytes(12), bytes(11) + b"\1"), "CRC"),
    ],
)
def test_what_would_run_grow_or_is_damaged_is_refused(tmp_path, monkeypatch, content, reason):
    monkeypatch.chdir(tmp_path)
    start, before = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(Exception, match=reason):
        read_torch_file(content)
    assert time.monotonic() - start < 10
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 10**6  # kB
    assert not Path("MARKER").exists()


def test_a_checkpoint_that_contains_itself_comes_to_an_end(tmp_path):
    network = torch.nn.Linear(2, 2)
    state: dict[str, Any] = {"epoch": 1}
    state["model"] = state
    torch.save(state, tmp_path / "a.pt")
    with pytest.raises(WeightsError, match="hold a dict and no state dict"):
        load_weights(network, tmp_path / "a.pt")
    state["net"] = network.state_dict()
    torch.save(state | {"model": {"model": state}}, tmp_path / "a.pt")
    with pytest.raises(WeightsError, match="hold a dict and no state dict"):
        load_weights(network, tmp_path / "a.pt")


def test_a_long_name_takes_no_time(tmp_path):
    torch.save({"module." * 500_000 + "weight": torch.zeros(2, 2), "bias": torch.zeros(2)}, tmp_path / "a.pt")
    start = time.monotonic()
    assert load_weights(torch.nn.Linear(2, 2), tmp_path / "a.pt").missing == []
    assert time.monotonic() - start < 5


def test_a_file_that_is_too_large_is_not_read(tmp_path):
    with (tmp_path / "a.pt").open("wb") as file:
        file.truncate(3 * 2**30)
    with pytest.raises(WeightsError, match=r"a\.pt' have 3\.2 GB, more than the 2\.1 GB read"):
        load_weights(torch.nn.Linear(2, 2), tmp_path / "a.pt")


def test_errors_tell_the_fact_from_the_cure(tmp_path):
    torch.save(torch.nn.Linear(3, 2).state_dict(), tmp_path / "a.pt")
    with pytest.raises(OtherArchitectureError, match="belong to another architecture") as caught:
        load_weights(torch.nn.Linear(2, 2), tmp_path / "a.pt")
    assert not isinstance(caught.value, OtherClassesError)
    assert str(caught.value) == f"{caught.value.fact}: {caught.value.cure}"
    assert "--" not in str(caught.value)
    again = pickle.loads(pickle.dumps(caught.value))  # noqa: S301 as between processes
    assert (type(again), str(again)) == (OtherArchitectureError, str(caught.value))
