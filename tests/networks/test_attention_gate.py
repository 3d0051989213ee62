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
@pytest.mark.parametrize("mode", ["additive", "multiplicative"])
@pytest.mark.parametrize("normalization", ["sigmoid", "softmax"])
@pytest.mark.parametrize("num_gates", [1, 2])
@pytest.mark.parametrize("output_transform", [True, False])
def test_equals_the_formula_of_the_paper(strides, mode, normalization, num_gates, output_transform):
    options = {"mode": mode, "normalization": normalization, "num_gates": num_gates, "norm": None}
    gate = AttentionGate(3, 4, 6, inter_channels=5, strides=strides, output_transform=output_transform, **options)
    randomise(gate)
    x, g = torch.randn(2, 4, 6, 6, 6), torch.randn(2, 6, *(6 // s for s in strides))

    def conv(layer, image, part=slice(None), **arguments):
        return F.conv3d(image, layer.conv.weight[part], layer.conv.bias[part], **arguments)

    maps = []
    for k in range(num_gates):
        theta, phi = (
            conv(gate.theta, x, slice(5 * k, 5 * k + 5), stride=strides),
            conv(gate.phi, g, slice(5 * k, 5 * k + 5)),
        )
        both = (theta + phi).clamp(min=0) if mode == "additive" else theta * phi
        q = conv(gate.psi, both, slice(k, k + 1))
        if normalization == "sigmoid":
            maps.append(1 / (1 + torch.exp(-q)))
        else:
            softmax = torch.exp(q) / torch.exp(q).sum(dim=(2, 3, 4), keepdim=True)
            maps.append(softmax / softmax.amax(dim=(2, 3, 4), keepdim=True))
    torch.testing.assert_close(gate.coefficients(x, g), torch.cat(maps, 1), rtol=0, atol=1e-6)
    fine = [F.interpolate(alpha, size=(6, 6, 6), mode="trilinear") for alpha in maps]
    if output_transform:
        expected = conv(gate.output, torch.cat([x * alpha for alpha in fine], 1))
    else:
        expected = x * sum(fine) / num_gates
    torch.testing.assert_close(gate(x, g), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("output_transform", [True, False])
@pytest.mark.parametrize("num_gates", [1, 3])
def test_an_open_start_lets_almost_everything_pass_and_can_learn(output_transform, num_gates):
    gate = AttentionGate(2, 8, 16, num_gates=num_gates, output_transform=output_transform, open_start=True)
    x, g = torch.randn(2, 8, 9, 9), torch.randn(2, 16, 5, 5)
    coefficients = gate.coefficients(x, g)
    assert coefficients.shape == (2, num_gates, 5, 5)
    torch.testing.assert_close(coefficients, torch.full_like(coefficients, 0.95), rtol=0, atol=0.01)
    torch.testing.assert_close(gate(x, g), 0.95 * x, rtol=0.01, atol=1e-5)
    gate(x, g).square().sum().backward()
    assert all(p.grad.any() for p in gate.parameters())


@pytest.mark.parametrize("options", [{"normalization": "softmax"}, {"bias": False}])
def test_an_open_start_needs_a_sigmoid_and_a_bias(options):
    with pytest.raises(ValueError, match=r"open_start=True needs a sigmoid and a bias .*leave it out"):
        AttentionGate(2, 8, 16, open_start=True, **options)


def test_several_gates_equal_as_many_single_ones():
    torch.manual_seed(0)
    both = AttentionGate(2, 4, 6, num_gates=2)
    x, g = torch.randn(1, 4, 9, 8), torch.randn(1, 6, 5, 4)
    for k in range(2):
        one = AttentionGate(2, 4, 6)
        parts = {"theta": slice(2 * k, 2 * k + 2), "phi": slice(2 * k, 2 * k + 2), "psi": slice(k, k + 1)}
        for name, part in parts.items():
            for kind in ("weight", "bias"):
                getattr(getattr(one, name).conv, kind).data = getattr(getattr(both, name).conv, kind).data[part]
        torch.testing.assert_close(one.coefficients(x, g), both.coefficients(x, g)[:, k : k + 1], rtol=0, atol=1e-6)


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


@pytest.mark.parametrize("gate_channels", [6, 4])
def test_shapes_of_monais_own_cases_of_the_attention_block(gate_channels):
    gate = AttentionGate(3, 6, gate_channels, inter_channels=2, strides=1)
    assert gate(torch.randn(1, 6, 30, 30, 30), torch.randn(1, gate_channels, 30, 30, 30)).shape == (1, 6, 30, 30, 30)


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
        ({"mode": "dot"}, ["mode='dot'", "additive", "multiplicative"]),
        ({"normalization": "relu"}, ["normalization='relu'", "sigmoid", "softmax"]),
        ({"num_gates": 0}, ["num_gates=0", "at least 1"]),
        ({"bias": "false"}, ["bias='false'", "True or False"]),
        ({"output_transform": "no"}, ["output_transform='no'", "True or False"]),
        ({"open_start": 1}, ["open_start=1", "True or False"]),
        ({"act": None}, ["act=None", "'relu'"]),
        ({"norm": "foo"}, ["norm='foo'", "'batch'"]),
    ],
)
def test_wrong_arguments_name_argument_value_and_cure(arguments, parts):
    with pytest.raises(ValueError) as error:
        AttentionGate(**{"spatial_dims": 2, "in_channels": 4, "gate_channels": 8} | arguments)
    assert all(part in str(error.value) for part in parts), error.value


@pytest.mark.parametrize(
    ("x", "g", "message"),
    [
        ((1, 3, 10, 10), (1, 8, 5, 5), r"x has shape \(1, 3, 10, 10\), but this 2D gate takes 4 channels there"),
        ((1, 4, 10, 10), (1, 4, 5, 5), r"g has shape \(1, 4, 5, 5\), but this 2D gate takes 8 channels there"),
        ((4, 10, 10), (8, 5, 5), r"x has shape \(4, 10, 10\)"),
        ((2, 4, 10, 10), (1, 8, 5, 5), r"are not of one batch"),
    ],
)
def test_tensors_of_other_ranks_or_channels_are_refused(x, g, message):
    with pytest.raises(ValueError, match=message):
        AttentionGate(2, 4, 8)(torch.randn(x), torch.randn(g))


def test_a_gating_signal_of_another_grid_is_refused():
    with pytest.raises(ValueError, match=r"g has spatial size \(10, 10\).* needs \(5, 5\)"):
        AttentionGate(2, 4, 8)(torch.randn(1, 4, 10, 10), torch.randn(1, 8, 10, 10))
