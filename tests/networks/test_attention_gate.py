import os

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from monai_attn import AttentionGate

SIZES = {2: (12, 10), 3: (8, 6, 10)}


def randomise(module: torch.nn.Module) -> None:
    """Give weights, biases and running statistics values that no initialisation would hide."""
    torch.manual_seed(0)
    for tensor in module.state_dict().values():
        if tensor.is_floating_point():
            tensor.copy_(torch.rand_like(tensor) + 0.1)
    for parameter in module.parameters():
        parameter.data -= 0.6


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("spatial_dims", [2, 3])
def test_equals_the_gate_assembled_from_keras_layers(spatial_dims, training):
    os.environ["KERAS_BACKEND"] = "torch"
    import keras

    channels, gate_channels, inter = 6, 10, 4
    gate = AttentionGate(
        spatial_dims,
        channels,
        gate_channels,
        inter_channels=inter,
        kernel_size=1,
        interp_mode="nearest",
        norm=("batch", {"eps": 1e-3}),
    )
    randomise(gate)
    gate.train(training)

    conv = keras.layers.Conv2D if spatial_dims == 2 else keras.layers.Conv3D
    upsampling = keras.layers.UpSampling2D if spatial_dims == 2 else keras.layers.UpSampling3D
    theta, phi, psi, output = conv(inter, 1, strides=2), conv(inter, 1), conv(1, 1), conv(channels, 1)
    norm = keras.layers.BatchNormalization()

    def reference(x, g):
        added = keras.layers.add([theta(x), phi(g)])
        coefficients = keras.ops.sigmoid(psi(keras.ops.relu(added)))
        return norm(output(keras.layers.multiply([x, upsampling(2)(coefficients)])), training=training)

    size = SIZES[spatial_dims]
    x = torch.randn(2, channels, *size)
    g = torch.randn(2, gate_channels, *(n // 2 for n in size))
    first, last = (0, *range(2, spatial_dims + 2), 1), (0, spatial_dims + 1, *range(1, spatial_dims + 1))
    reference(x.permute(first), g.permute(first))  # builds the layers
    pairs = ((theta, gate.theta), (phi, gate.phi), (psi, gate.psi), (output, gate.output))
    for layer, ours in pairs:
        weight = ours.conv.weight.detach().numpy()
        layer.set_weights([weight.transpose(*range(2, weight.ndim), 1, 0), ours.conv.bias.detach().numpy()])
    batch_norm = gate.output.adn.N
    tensors = (batch_norm.weight, batch_norm.bias, batch_norm.running_mean, batch_norm.running_var)
    norm.set_weights([tensor.detach().numpy() for tensor in tensors])

    with torch.no_grad():
        expected = reference(x.permute(first), g.permute(first)).permute(last)
        np.testing.assert_allclose(gate(x, g).numpy(), expected.numpy(), rtol=0, atol=1e-5)


@pytest.mark.parametrize("strides", [(2, 2, 2), (2, 2, 1), (3, 1, 2)])
def test_equals_the_formula_of_the_paper(strides):
    gate = AttentionGate(3, 4, 6, inter_channels=5, strides=strides, norm=None).eval()
    randomise(gate)
    x, g = torch.randn(2, 4, 6, 6, 6), torch.randn(2, 6, *(6 // s for s in strides))
    conv = {name: (m.conv.weight, m.conv.bias) for name, m in gate.named_children() if hasattr(m, "conv")}
    q = F.conv3d(x, *conv["theta"], stride=strides) + F.conv3d(g, *conv["phi"])
    alpha = 1 / (1 + torch.exp(-F.conv3d(q.clamp(min=0), *conv["psi"])))
    torch.testing.assert_close(gate.coefficients(x, g), alpha, rtol=0, atol=1e-6)
    fine = F.interpolate(alpha, size=(6, 6, 6), mode="trilinear")
    torch.testing.assert_close(gate(x, g), F.conv3d(x * fine, *conv["output"]), rtol=0, atol=1e-5)


@pytest.mark.parametrize("kernel_size", [None, 1])
@pytest.mark.parametrize("interp_mode", ["linear", "nearest"])
def test_odd_sizes_pad_and_crop_the_far_end(kernel_size, interp_mode):
    gate = AttentionGate(3, 4, 8, kernel_size=kernel_size, interp_mode=interp_mode).eval()
    x, g = torch.randn(1, 4, 35, 51, 35), torch.randn(1, 8, 18, 26, 18)
    coefficients = gate.coefficients(x, g)
    assert coefficients.shape == (1, 1, 18, 26, 18)
    assert coefficients.min() >= 0
    assert coefficients.max() <= 1
    assert gate(x, g).shape == x.shape
    # The same image with its far end padded by hand has the same coefficients, so both grids agree at the near end.
    padded = F.pad(x, [0, 1, 0, 1, 0, 1])
    torch.testing.assert_close(gate.coefficients(padded, g), coefficients, rtol=0, atol=1e-6)


def test_coefficients_sit_over_the_voxels_they_come_from():
    gate = AttentionGate(2, 1, 1, inter_channels=1, interp_mode="nearest", norm=None)
    coefficients = torch.zeros(1, 1, 3, 3)
    coefficients[0, 0, 1, 2] = 1
    with torch.no_grad():
        gate.output.conv.weight.fill_(1)
        gate.output.conv.bias.zero_()
    out = gate.apply_coefficients(torch.ones(1, 1, 5, 5), coefficients)
    assert out.nonzero()[:, 2:].tolist() == [[2, 4], [3, 4]]


def test_psi_has_one_channel_and_no_norm():
    gate = AttentionGate(2, 8, 16)
    assert gate.psi.conv.out_channels == 1
    assert [name for name, _ in gate.psi.named_children()] == ["conv"]
    assert gate.theta.conv.out_channels == gate.phi.conv.out_channels == 4


def test_gradients_reach_every_parameter():
    gate = AttentionGate(2, 8, 16)
    gate(torch.randn(2, 8, 9, 9), torch.randn(2, 16, 5, 5)).square().sum().backward()
    assert all(
        p.grad is not None and p.grad.abs().sum() > 0 for n, p in gate.named_parameters() if n != "output.conv.bias"
    )


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        ({"spatial_dims": 4}, ["spatial_dims=4", "2", "3"]),
        ({"in_channels": 0}, ["in_channels=0", "at least 1"]),
        ({"gate_channels": -2}, ["gate_channels=-2", "at least 1"]),
        ({"inter_channels": 0}, ["inter_channels=0", "at least 1"]),
        ({"strides": (2, 2, 2)}, ["strides=(2, 2, 2)", "2 spatial axes"]),
        ({"kernel_size": 3}, ["kernel_size=3", "(2, 2)", "1"]),
        ({"interp_mode": "cubic"}, ["interp_mode='cubic'", "linear", "nearest"]),
        ({"dropout": 1.5}, ["dropout=1.5", "less than 1"]),
    ],
)
def test_wrong_arguments_name_argument_value_and_cure(arguments, parts):
    with pytest.raises(ValueError) as error:
        AttentionGate(**{"spatial_dims": 2, "in_channels": 4, "gate_channels": 8} | arguments)
    assert all(part in str(error.value) for part in parts), error.value


def test_a_gating_signal_of_another_grid_is_refused():
    with pytest.raises(ValueError, match=r"g has spatial size \(10, 10\).* needs \(5, 5\)"):
        AttentionGate(2, 4, 8)(torch.randn(1, 4, 10, 10), torch.randn(1, 8, 10, 10))
