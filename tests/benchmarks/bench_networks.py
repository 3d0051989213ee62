"""Cost of networks side by side: ``python tests/benchmarks/bench_networks.py --help``.

Each network does one forward pass and one training step (Dice and cross-entropy, AdamW) in turn, again and again in one
process, so that what disturbs the machine disturbs all of them; the table has medians, and ratios to MONAI's
AttentionUnet. Never a test: times pass or fail nothing.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from monai.losses import DiceCELoss
from monai.networks.nets import AttentionUnet, BasicUNet, UNet
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks
from torch.utils.flop_counter import FlopCounterMode

from monai_attn import AttentionGatedUNet, LightAttentionGatedUNet


def networks(dims: int, channels: list[int], classes: int = 3) -> dict[str, nn.Module]:
    """The networks to compare, at equal ``channels``, for images of one channel."""
    arguments = {"spatial_dims": dims, "in_channels": 1, "out_channels": classes}
    unet = {**arguments, "channels": channels, "strides": [2] * (len(channels) - 1)}
    bare = {"gate": {"output_transform": False}}
    features = [*channels, *[channels[-1]] * (5 - len(channels)), channels[0]]
    return {
        "MONAI AttentionUnet": AttentionUnet(**unet),
        "AttentionGatedUNet": AttentionGatedUNet(**unet),
        "AttentionGatedUNet, no output transform": AttentionGatedUNet(**unet, **bare),
        "AttentionGatedUNet, no gates": AttentionGatedUNet(**unet, gated_levels=[]),
        "LightAttentionGatedUNet": LightAttentionGatedUNet(**unet),
        "MONAI BasicUNet": BasicUNet(**arguments, features=features),
        "MONAI UNet": UNet(**unet, num_res_units=2),
    }


def saved_bytes(network: nn.Module, image: Tensor) -> int:
    """Bytes of activations that autograd keeps for the backward pass, each storage once, parameters left out."""
    kept: dict[int, int] = {}
    parameters = {p.untyped_storage().data_ptr() for p in network.parameters()}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in parameters:
            kept[storage.data_ptr()] = storage.nbytes()
        alive.append(tensor)  # so that no address is used twice
        return tensor

    alive: list[Tensor] = []
    with saved_tensors_hooks(pack, lambda tensor: tensor):
        network(image)
    return sum(kept.values())


def flops(network: nn.Module, image: Tensor) -> int:
    """Floating-point operations of one forward pass, as torch counts them (convolutions; a multiply-add is two)."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(image)
    return counter.get_total_flops()


def seconds(action: Callable[[], object]) -> float:
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="Cost of networks side by side.")
    parser.add_argument("--size", type=int, nargs="+", default=[48, 64, 48], help="image size, two or three numbers")
    parser.add_argument("--channels", type=int, nargs="+", default=[16, 32, 64, 128])
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=7)
    options = parser.parse_args()
    torch.manual_seed(0)
    image = torch.randn(options.batch, 1, *options.size)
    label = torch.randint(0, 3, image.shape)
    loss = DiceCELoss(to_onehot_y=True, softmax=True)
    candidates = networks(len(options.size), options.channels)
    optimizers = {name: torch.optim.AdamW(network.parameters()) for name, network in candidates.items()}
    forward: dict[str, list[float]] = {name: [] for name in candidates}
    step: dict[str, list[float]] = {name: [] for name in candidates}
    for _ in range(options.repeats + 1):
        for name, network in candidates.items():

            def train(network: nn.Module = network, optimizer: torch.optim.Optimizer = optimizers[name]) -> None:
                optimizer.zero_grad()
                loss(network(image), label).backward()
                optimizer.step()

            with torch.no_grad():
                forward[name].append(seconds(lambda network=network: network(image)))
            step[name].append(seconds(train))
    rows = []
    for name, network in candidates.items():
        rows.append(
            (
                sum(p.numel() for p in network.parameters()) / 1e6,
                flops(network, image) / 1e9,
                saved_bytes(network, image) / 2**20,
                statistics.median(forward[name][1:]),
                statistics.median(step[name][1:]),
            )
        )
    base = rows[0]
    print(
        f"size {options.size}, batch {options.batch}, channels {options.channels}, {torch.get_num_threads()} thread(s),"
    )
    print(f"torch {torch.__version__}, medians of {options.repeats} interleaved repeats, in brackets ratios to row 1\n")
    print("| network | parameters (M) | GFLOP forward | saved activations (MiB) | forward (s) | training step (s) |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name, row in zip(candidates, rows, strict=True):
        cells = [f"{value:.3g} ({value / first:.2f})" for value, first in zip(row, base, strict=True)]
        print(f"| {name} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
