"""What a network takes and gives, read off the network itself."""

from typing import Any, NamedTuple

from torch import nn

__all__ = ["NetworkShape", "explain_out_channels", "network_shape"]

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)


class NetworkShape(NamedTuple):
    """Numbers that data must fit.

    Attributes:
        spatial_dims: 2 or 3.
        in_channels: image channels.
        out_channels: classes with background.
    """

    spatial_dims: int
    in_channels: int
    out_channels: int


def network_shape(network: nn.Module | NetworkShape) -> NetworkShape:
    """Read the numbers from the network's attributes, as ours and most of MONAI's have them, or from its convolutions.

    A config that asks the network needs no literal ``network_def::spatial_dims``, so ``network_def`` may be any
    network, an expression too.

    Args:
        network: the network, bare or wrapped for several processes; or the numbers, which come back as they are.

    Raises:
        ValueError: when the network has neither these attributes nor a convolution.
    """
    if isinstance(network, NetworkShape):
        return network
    inner: Any = getattr(network, "module", network)
    layers = [layer for layer in inner.modules() if isinstance(layer, CONVOLUTIONS)]
    found: dict[str, Any] = {
        "spatial_dims": getattr(inner, "spatial_dims", getattr(inner, "dimensions", None)),
        "in_channels": getattr(inner, "in_channels", None),
        "out_channels": getattr(inner, "out_channels", None),
    }
    if layers:
        first, last = layers[0], layers[-1]
        read = {
            "spatial_dims": first.weight.ndim - 2,
            "in_channels": first.in_channels,
            "out_channels": last.out_channels,
        }
        found = {name: value if isinstance(value, int) else read[name] for name, value in found.items()}
    missing = [name for name, value in found.items() if not isinstance(value, int)]
    if missing:
        raise ValueError(
            f"network={type(inner).__name__} does not tell its {missing[0]}: give it attributes spatial_dims, "
            "in_channels and out_channels"
        )
    return NetworkShape(**found)


def explain_out_channels(network: nn.Module | NetworkShape) -> str:
    """Where :func:`network_shape` has the number of classes from, for messages; empty where the network says it."""
    inner: Any = getattr(network, "module", network)
    if isinstance(network, NetworkShape) or isinstance(getattr(inner, "out_channels", None), int):
        return ""
    *_, last = (name for name, layer in inner.named_modules() if isinstance(layer, CONVOLUTIONS))
    return f" (read off the last convolution, '{last}': an attribute out_channels of the network goes before that)"
