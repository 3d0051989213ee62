import pytest
import torch
from ignite.engine import Engine
from torch import nn

from monai_attn import AttentionGatedUNet
from monai_attn.handlers import FreezeEncoder


def train(epochs: int, freeze: int) -> tuple[list[bool], list[bool]]:
    """Whether encoder and decoder changed, epoch by epoch."""
    torch.manual_seed(0)
    network = AttentionGatedUNet(2, 1, 2, [4, 8], [2])
    optimizer = torch.optim.AdamW(network.parameters(), lr=0.01, weight_decay=0.1)
    moved: tuple[list[bool], list[bool]] = ([], [])
    parts = (network.encoder, network.decoder)

    def step(_engine: Engine, batch: torch.Tensor) -> None:
        before = [[p.clone() for p in part.parameters()] for part in parts]
        optimizer.zero_grad()
        network(batch).square().mean().backward()
        optimizer.step()
        for changed, part, old in zip(moved, parts, before, strict=True):
            changed.append(any(not torch.equal(p, q) for p, q in zip(part.parameters(), old, strict=True)))

    engine = Engine(step)
    FreezeEncoder(network, optimizer, freeze).attach(engine)
    engine.run([torch.rand(1, 1, 8, 8)], max_epochs=epochs)
    return moved


def test_the_encoder_rests_and_then_learns():
    assert train(epochs=4, freeze=2) == ([False, False, True, True], [True] * 4)
    assert train(epochs=2, freeze=0) == ([True, True], [True, True])


def test_wrong_arguments():
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.1)
    with pytest.raises(ValueError, match=r"network=Linear has no 'encoder': leave `freeze_encoder_epochs` at 0"):
        FreezeEncoder(nn.Linear(1, 1), optimizer, 1)
    for epochs in (-1, 1.5, True):
        with pytest.raises(ValueError, match=r"freeze_encoder_epochs=.* must be a whole number"):
            FreezeEncoder(AttentionGatedUNet(2, 1, 2, [4, 8], [2]), optimizer, epochs)
