"""Weights carry a note of what trained them, and stay weights for everyone."""

import json
import pickle
from collections import OrderedDict

import pytest
import torch

from monai_attn import AttentionGatedUNet, load_weights
from monai_attn.networks import read_training_note, state_with_note

NOTE = {"cases": 3, "images": ["a", "ü"], "spacing_mm": [[1.0, 2.0]]}


def network() -> AttentionGatedUNet:
    return AttentionGatedUNet(2, 1, 2, [4, 8], [2])


def test_the_note_comes_back_and_the_weights_are_plain(tmp_path):
    trained, path = network(), tmp_path / "model.pt"
    torch.save(state_with_note(trained, NOTE), path)
    assert read_training_note(path) == NOTE
    state = torch.load(path, weights_only=True)
    assert list(state) == list(trained.state_dict())
    assert all(isinstance(value, torch.Tensor) for value in state.values())
    network().load_state_dict(state)
    other = network()
    load_weights(other, path)
    assert all(torch.equal(a, b) for a, b in zip(other.parameters(), trained.parameters(), strict=True))


def test_of_a_checkpoint_it_is_the_networks(tmp_path):
    torch.save({"epoch": 3, "model": state_with_note(network(), NOTE)}, tmp_path / "checkpoint.pt")
    assert read_training_note(tmp_path / "checkpoint.pt") == NOTE


class _Bomb:
    def __reduce__(self):
        return (print, ("boom",))


@pytest.mark.parametrize(
    "content",
    [
        state_with_note(network(), None),
        {"weight": torch.zeros(2)},
        [torch.zeros(1)],
        _Bomb(),
    ],
    ids=["no note", "plain dict", "list", "code"],
)
def test_no_note_is_an_empty_one(tmp_path, capsys, content):
    torch.save(content, tmp_path / "model.pt")
    assert read_training_note(tmp_path / "model.pt") == {}
    assert read_training_note(tmp_path / "absent.pt") == {}
    assert "boom" not in capsys.readouterr().out


@pytest.mark.parametrize("note", [3, "{", "[1]", {"a": 1}, "[" * 100_000])
def test_a_note_of_another_kind_is_an_empty_one(tmp_path, note):
    state = network().state_dict()
    state._metadata["trained_on"] = note
    torch.save(state, tmp_path / "model.pt")
    assert read_training_note(tmp_path / "model.pt") == {}
    load_weights(network(), tmp_path / "model.pt")


def test_attributes_of_another_kind_are_passed_over(tmp_path):
    state = OrderedDict(network().state_dict())
    state._metadata = ["not", "a", "dict"]
    torch.save(state, tmp_path / "model.pt", pickle_module=pickle)
    assert read_training_note(tmp_path / "model.pt") == {}
    assert json.dumps(read_training_note(tmp_path / "model.pt")) == "{}"
    load_weights(network(), tmp_path / "model.pt")
