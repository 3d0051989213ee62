import pytest
import torch
from monai.losses import DeepSupervisionLoss, DiceCELoss
from monai.networks.blocks import ResidualUnit
from monai.networks.nets import AttentionUnet
from small_networks import small
from torch import nn

from monai_attn import AttentionGate, AttentionGatedUNet, LightAttentionGatedUNet


@pytest.mark.parametrize(
    ("size", "strides"),
    [
        ((32, 32), (2, 2)),
        ((50, 50), (2, 2)),
        ((33, 47), (2, 2)),
        ((37, 29), ((2, 1), (3, 2))),
        ((16, 16, 16), (2, 2)),
        ((35, 51, 35), (2, 2)),
        ((31, 40, 26), ((2, 2, 1), (2, 3, 2))),
        ((9, 9, 5), (4, 1)),
    ],
)
def test_every_size_comes_back(size, strides):
    network = small(len(size), strides=strides).eval()
    image = torch.randn(2, 1, *size)
    assert network(image).shape == (2, 3, *size)
    maps = network.attention_coefficients(image)
    assert [m.shape for m in maps] == [(2, 1, *size)] * 2
    assert all(m.min() >= 0 and m.max() <= 1 for m in maps)


@pytest.mark.parametrize("strides", [(1, 2), (2, 2)])
@pytest.mark.parametrize("spatial_dims", [2, 3])
def test_shapes_of_monais_own_cases_of_attention_unet(spatial_dims, strides):
    arguments = {"in_channels": 1, "out_channels": 2, "channels": (3, 4, 5), "strides": strides}
    image = torch.randn(1, 1, *(92,) * spatial_dims)
    with torch.no_grad():
        ours = AttentionGatedUNet(spatial_dims, **arguments).eval()(image)
        theirs = AttentionUnet(spatial_dims, **arguments).eval()(image)
    assert ours.shape == theirs.shape == (1, 2, *(92,) * spatial_dims)


@pytest.mark.parametrize("norm", ["instance", "batch"])
def test_looking_at_coefficients_changes_nothing_in_training(norm):
    network = small(norm=norm, dropout=0.2).train()
    network.head.eval()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    random, image = torch.get_rng_state(), torch.randn(2, 1, 20, 20)
    torch.set_rng_state(random)
    maps = network.attention_coefficients(image)
    assert torch.equal(torch.get_rng_state(), random)
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())
    assert network.training
    assert network.encoder.training
    assert not network.head.training
    again = network.eval().attention_coefficients(image)
    assert all(torch.equal(a, b) for a, b in zip(maps, again, strict=True))


def test_coefficients_leave_the_logits_alone_and_weight_the_skips():
    torch.manual_seed(0)
    network = small().eval()
    image = torch.randn(1, 1, 21, 30)
    with torch.no_grad():
        before = network(image)
        maps = network.attention_coefficients(image, resample=False)
        assert torch.equal(network(image), before)
        assert [m.shape[2:] for m in maps] == [(11, 15), (6, 8)]
        finest = network.decoder[-1].gate
        features = network._encode(image)
        coarse, _ = network.decoder[0](features[1], features[2])
        assert torch.equal(finest.coefficients(features[0], coarse), maps[0])
        finest.psi.conv.bias.fill_(-100.0)  # a closed gate lets nothing of the finest skip through
        assert network.attention_coefficients(image)[0].max() == 0
        assert not torch.allclose(network(image), before)


def test_gradients_reach_every_parameter():
    network = small(norm=None)
    network(torch.randn(2, 1, 30, 30)).square().mean().backward()
    trained = [(name, p.grad) for name, p in network.named_parameters() if p.requires_grad]
    assert [name for name, gradient in trained if gradient is None or not gradient.any()] == []


def test_it_can_learn_one_image():
    torch.manual_seed(0)
    network, target = small(out_channels=2), torch.zeros(1, 24, 24, dtype=torch.long)
    target[:, 5:15, 8:20] = 1
    image = target[:, None] + 0.3 * torch.randn(1, 1, 24, 24)
    optimizer = torch.optim.Adam(network.parameters(), 1e-2)
    for _ in range(40):
        loss = nn.functional.cross_entropy(network(image), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert (network(image).argmax(1) == target).float().mean() > 0.97


def test_options_reach_every_block_and_the_gates():
    network = small(act="elu", norm=("group", {"num_groups": 4}), dropout=0.25, bias=False)
    modules = list(network.modules())
    assert not any(isinstance(m, (nn.ReLU, nn.PReLU, nn.InstanceNorm2d, nn.BatchNorm2d)) for m in modules)
    assert all(c.bias is None for c in modules if isinstance(c, nn.modules.conv._ConvNd))
    gates = [m for m in modules if isinstance(m, AttentionGate)]
    assert len(gates) == 2
    for block in (
        *gates,
        *network.encoder,
        *(level.up for level in network.decoder),
        *(level.conv for level in network.decoder),
    ):
        kinds = {type(m) for m in block.modules()}
        assert {nn.ELU, nn.GroupNorm, nn.Dropout} <= kinds
    assert all(m.p == 0.25 for m in modules if isinstance(m, nn.Dropout))


def test_kernels_may_differ_per_level():
    network = small(3, kernel_size=[(3, 3, 1), 3, 5])
    convolutions = [{c.kernel_size for c in level.modules() if isinstance(c, nn.Conv3d)} for level in network.encoder]
    assert convolutions == [{(3, 3, 1)}, {(3, 3, 3)}, {(5, 5, 5)}]
    finest = network.decoder[-1].conv
    assert {c.kernel_size for c in finest.modules() if isinstance(c, nn.Conv3d)} == {(3, 3, 1)}
    assert network(torch.rand(1, 1, 13, 12, 7)).shape[2:] == (13, 12, 7)


def test_kernels_may_differ_per_axis():
    network = small(3, kernel_size=(3, 3, 1), up_kernel_size=(3, 3, 1))
    assert {c.kernel_size for c in network.encoder.modules() if isinstance(c, nn.Conv3d)} == {(3, 3, 1)}
    assert {c.kernel_size for c in network.modules() if isinstance(c, nn.ConvTranspose3d)} == {(3, 3, 1)}
    assert network(torch.randn(1, 1, 14, 15, 6)).shape == (1, 3, 14, 15, 6)


def test_one_voxel_is_enough_where_the_norm_has_something_to_go_by():
    assert small(norm="batch").eval()(torch.randn(1, 1, 1, 1)).shape == (1, 3, 1, 1)
    assert small(norm="batch").train()(torch.randn(2, 1, 4, 4)).shape == (2, 3, 4, 4)
    assert small(norm=None, dropout=None)(torch.randn(1, 1, 4, 4)).shape == (1, 3, 4, 4)
    with pytest.raises(ValueError, match=r"leaves 1 voxel\(s\) .* too few for norm='batch'"):
        small(norm="batch").train()(torch.randn(1, 1, 4, 4))


def test_gated_levels_choose_the_gates():
    network = small(channels=(8, 16, 24, 32), strides=(2, 2, 2), gated_levels=[2, 1])
    assert [level.gate is not None for level in network.decoder] == [True, True, False]  # coarsest first
    maps = network.attention_coefficients(torch.randn(1, 1, 40, 40), resample=False)
    assert [tuple(m.shape[2:]) for m in maps] == [(10, 10), (5, 5)]
    assert [tuple(m.shape[2:]) for m in network.attention_coefficients(torch.randn(1, 1, 40, 40))] == [(40, 40)] * 2
    assert small(gated_levels=[]).attention_coefficients(torch.randn(1, 1, 20, 20)) == []


def test_gates_take_their_options_and_several_gates_give_several_maps():
    gate = {"mode": "multiplicative", "normalization": "softmax", "num_gates": 3, "output_transform": False}
    network = small(gate=gate).eval()
    assert all(m.output is None and not m.additive for m in network.modules() if isinstance(m, AttentionGate))
    maps = network.attention_coefficients(torch.randn(2, 1, 20, 22), resample=False)
    assert [m.shape for m in maps] == [(2, 3, 10, 11), (2, 3, 5, 6)]
    assert all(torch.equal(m.amax(dim=(2, 3)), torch.ones(2, 3)) for m in maps)


@pytest.mark.parametrize("norm", ["batch", "instance"])
def test_an_open_start_behaves_almost_like_the_ungated_network(norm):
    torch.manual_seed(0)
    ungated, gated = small(gated_levels=[], norm=norm).eval(), small(gate={"open_start": True}, norm=norm).eval()
    result = gated.load_state_dict(ungated.state_dict(), strict=False)
    assert all(".gate." in name for name in result.missing_keys)
    assert result.unexpected_keys == []
    image = torch.randn(2, 1, 40, 40)
    with torch.no_grad():
        expected, closed = ungated(image), small(norm=norm).eval()
        closed.load_state_dict(ungated.state_dict(), strict=False)
        error = (gated(image) - expected).norm() / expected.norm()
        assert error < 0.1
        assert (closed(image) - expected).norm() / expected.norm() > 2 * error  # which an ordinary start does not


@pytest.mark.parametrize("upsample", ["deconv", "nontrainable", "pixelshuffle"])
@pytest.mark.parametrize("spatial_dims", [2, 3])
def test_every_way_of_upsampling_learns_and_keeps_sizes(upsample, spatial_dims):
    size = (21, 30, 13)[:spatial_dims]
    network = small(spatial_dims, upsample=upsample, norm=("group", {"num_groups": 4}), act="elu", dropout=0.1)
    out = network(torch.randn(1, 1, *size))
    assert out.shape == (1, 3, *size)
    out.square().sum().backward()
    assert all(p.grad is not None for p in network.parameters() if p.requires_grad)
    for level in network.decoder:
        assert {nn.ELU, nn.GroupNorm, nn.Dropout} <= {type(m) for m in level.up.modules()}


def test_interpolation_follows_anisotropic_strides():
    network = small(3, upsample="nontrainable", strides=((2, 2, 1), (1, 2, 3)))
    assert network(torch.randn(1, 1, 12, 13, 7)).shape == (1, 3, 12, 13, 7)


def test_residual_units_are_monais():
    network = small(num_res_units=3)
    assert all(isinstance(level, ResidualUnit) and len(level.conv) == 3 for level in network.encoder)
    assert all(isinstance(level.conv, ResidualUnit) and len(level.conv.conv) == 1 for level in network.decoder)
    assert network(torch.randn(1, 1, 21, 30)).shape == (1, 3, 21, 30)


@pytest.mark.parametrize("stem", [1, 2])
def test_deep_supervision_goes_into_monais_loss_and_checkpoints_load_either_way(stem):
    options = {"channels": (8, 16, 24, 32), "strides": (2, 2, 2), "stem_strides": stem}
    network, plain = small(deep_supervision=True, **options), small(**options)
    plain.load_state_dict(network.state_dict())
    image = torch.randn(2, 1, 33, 48)
    outputs = network(image)
    sizes = [(33, 48), (17, 24), (9, 12)] if stem == 1 else [(33, 48), (17, 24), (9, 12), (5, 6)]
    assert [tuple(o.shape) for o in outputs] == [(2, 3, *size) for size in sizes]
    label = torch.randint(0, 3, (2, 1, 33, 48)).float()
    DeepSupervisionLoss(DiceCELoss(softmax=True, to_onehot_y=True))(outputs, label).backward()
    assert all(p.grad is not None for p in network.parameters())
    torch.testing.assert_close(network.eval()(image), plain.eval()(image))
    assert isinstance(plain.train()(image), torch.Tensor)
    assert [n for n, p in plain.named_parameters() if not p.requires_grad] == [
        n for n, _ in plain.named_parameters() if n.startswith("side_heads.")
    ]


@pytest.mark.parametrize(("size", "stem"), [((33, 47), 2), ((35, 51, 35), 2), ((31, 40, 9), (2, 2, 1))])
def test_the_light_network_keeps_sizes_and_works_below_the_images_resolution(size, stem):
    dims = len(size)
    network = LightAttentionGatedUNet(dims, 1, 3, channels=(8, 16, 24), strides=(2, 2), stem_strides=stem).eval()
    image = torch.randn(1, 1, *size)
    assert network(image).shape == (1, 3, *size)
    stems = (stem,) * dims if isinstance(stem, int) else stem
    halves = [tuple(-(-n // s) for n, s in zip(size, stems, strict=True))]
    assert tuple(network.encoder[0](image).shape[2:]) == halves[0]
    maps = network.attention_coefficients(image)
    assert [tuple(m.shape[2:]) for m in maps] == [size] * 2
    assert all(m.min() > 0.9 for m in maps)  # the gates start open


def test_the_light_network_without_bias_starts_with_ordinary_gates():
    network = LightAttentionGatedUNet(2, 1, 3, channels=(8, 16), strides=(2,), bias=False)
    assert network(torch.randn(1, 1, 33, 40)).shape == (1, 3, 33, 40)
