import pickle

import pytest
import torch

from monai_attn import AttentionGatedUNet, load_weights


def network(**options) -> AttentionGatedUNet:
    return AttentionGatedUNet(2, **{"in_channels": 1, "out_channels": 2, "channels": (4, 8), "strides": (2,)} | options)


@pytest.mark.parametrize("nested", [False, True])
def test_loads_what_was_saved(tmp_path, nested):
    source, target = network(), network()
    state = source.state_dict()
    torch.save({"model": state, "epoch": 3} if nested else state, tmp_path / "model.pt")
    load_weights(target, tmp_path / "model.pt")
    assert all(torch.equal(a, b) for a, b in zip(state.values(), target.state_dict().values(), strict=True))


@pytest.mark.parametrize(
    ("other", "difference"),
    [
        ({"channels": (8, 16)}, r"encoder.0.0.conv.weight has shape \(8, 1, 3, 3\), not \(4, 1, 3, 3\)"),
        ({"channels": (4, 8, 8), "strides": (2, 2)}, "decoder.0"),
        ({"bias": False}, "encoder.0.0.conv.bias is missing"),
    ],
)
def test_another_architecture_is_refused_and_nothing_changes(tmp_path, other, difference):
    torch.save(network(**other).state_dict(), tmp_path / "other.pt")
    target = network()
    before = {name: tensor.clone() for name, tensor in target.state_dict().items()}
    with pytest.raises(ValueError, match=difference) as error:
        load_weights(target, tmp_path / "other.pt")
    assert "other.pt" in str(error.value)
    assert "another architecture" in str(error.value)
    assert all(torch.equal(tensor, before[name]) for name, tensor in target.state_dict().items())


class Payload:
    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return (open, (str(self.marker), "w"))


def test_a_pickle_with_code_is_refused_and_does_not_run(tmp_path):
    (tmp_path / "evil.pt").write_bytes(pickle.dumps(Payload(tmp_path / "marker")))
    with pytest.raises(ValueError, match=r"evil\.pt' cannot be read"):
        load_weights(network(), tmp_path / "evil.pt")
    assert not (tmp_path / "marker").exists()


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"PK\x03\x04 cut off"])
def test_damaged_files_are_named(tmp_path, content):
    (tmp_path / "bad.pt").write_bytes(content)
    with pytest.raises(ValueError, match=r"bad\.pt' cannot be read"):
        load_weights(network(), tmp_path / "bad.pt")


def test_missing_and_foreign_files(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.pt' do not exist: pass --ckpt_path"):
        load_weights(network(), tmp_path / "none.pt")
    torch.save([1, 2], tmp_path / "list.pt")
    with pytest.raises(ValueError, match="hold a list, no state dict"):
        load_weights(network(), tmp_path / "list.pt")
