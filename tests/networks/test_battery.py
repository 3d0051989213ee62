"""The networks leave the framework intact: what torch offers for a module works on them and gives eager's numbers.

The default suite takes a few of the cases through the slow exporters; ``-m slow`` takes all of them through everything.
"""

import copy
import io
import pickle
import warnings
from collections.abc import Callable
from typing import NamedTuple

import pytest
import torch
from torch import Tensor, nn

from monai_attn import AttentionGatedUNet, LightAttentionGatedUNet

slow = pytest.mark.slow
Network = Callable[[Tensor], Tensor]


class Case(NamedTuple):
    network: Callable[[], AttentionGatedUNet]
    sizes: list[tuple[int, ...]]  # the first one is the example; the others have other parities


def network(spatial_dims: int, kind: type[AttentionGatedUNet] = AttentionGatedUNet, **options) -> AttentionGatedUNet:
    arguments = {"in_channels": 1, "out_channels": 3, "channels": (8, 16, 24), "strides": (2, 2)} | options
    torch.manual_seed(0)
    return kind(spatial_dims, **arguments)


SIZES = {2: [(33, 47), (32, 40), (50, 51), (36, 45)], 3: [(17, 20, 19), (16, 21, 22), (24, 24, 24), (19, 17, 21)]}
OPTIONS = {
    "isotropic": {},
    "anisotropic": {"strides": ((2, 1, 1), (1, 2, 3)), "kernel_size": (3, 3, 1), "up_kernel_size": (3, 1, 3)},
    "deep-supervision": {"deep_supervision": True, "norm": "batch"},
    "two-softmax-gates": {"gate": {"num_gates": 2, "normalization": "softmax"}, "gated_levels": [1]},
    "multiplicative": {"gate": {"mode": "multiplicative", "output_transform": False}, "upsample": "nontrainable"},
    "residual-pixelshuffle": {"num_res_units": 2, "upsample": "pixelshuffle", "norm": ("group", {"num_groups": 4})},
    "light": {"kind": LightAttentionGatedUNet},
    "light-deep-supervision": {"kind": LightAttentionGatedUNet, "deep_supervision": True},
}


def first(value, count: int):
    return tuple(value[:count]) if isinstance(value, tuple) else value


def case(spatial_dims: int, name: str) -> Case:
    options = dict(OPTIONS[name])
    if name == "anisotropic":
        options = {key: first(value, spatial_dims) for key, value in options.items() if key != "strides"}
        options["strides"] = tuple(first(stride, spatial_dims) for stride in OPTIONS[name]["strides"])
    return Case(lambda: network(spatial_dims, **options).eval(), SIZES[spatial_dims])


ALL = [pytest.param(case(dims, name), id=f"{dims}d-{name}") for dims in (2, 3) for name in OPTIONS]


def some(*ids: str) -> list:
    """All cases, those not named marked slow."""
    return [p if p.id in ids else pytest.param(*p.values, id=p.id, marks=slow) for p in ALL]


def assert_equal_to_eager(case: Case, other: Network, eager: nn.Module, sizes=slice(None), atol: float = 1e-5) -> None:
    for size in case.sizes[sizes]:
        for batch in (2, 1):
            image = torch.randn(batch, 1, *size)
            with torch.no_grad():
                expected, found = eager(image), other(image)
            torch.testing.assert_close(found, expected, rtol=0, atol=atol)


@pytest.mark.parametrize("case", ALL)
def test_deepcopy_pickle_and_channels_last(case):
    eager = case.network()
    spatial_dims = eager.spatial_dims
    memory_format = torch.channels_last if spatial_dims == 2 else torch.channels_last_3d
    assert_equal_to_eager(case, copy.deepcopy(eager), eager, atol=0)
    assert_equal_to_eager(case, pickle.loads(pickle.dumps(eager)), eager, atol=0)  # noqa: S301 (our own)
    assert_equal_to_eager(case, copy.deepcopy(eager).to(memory_format=memory_format), eager)


@pytest.mark.parametrize("case", ALL)
def test_bfloat16_autocast(case):
    eager = case.network()
    image = torch.randn(2, 1, *case.sizes[0])
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits = eager.train()(image)
        maps = eager.attention_coefficients(image)
    outputs = logits if isinstance(logits, list) else [logits]
    sum(output.float().square().mean() for output in outputs).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in eager.parameters() if p.requires_grad)
    assert all(m.min() >= 0 and m.max() <= 1 for m in maps)
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        found = eager.eval()(image).float()
    expected = eager(image)
    assert (found - expected).norm() < 0.05 * expected.norm()


@pytest.mark.parametrize("case", ALL)
@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")  # torch's own, on saving and loading
def test_torchscript(case):
    eager = case.network()
    scripted = torch.jit.script(eager)
    assert_equal_to_eager(case, scripted, eager)
    image = torch.randn(1, 1, *case.sizes[1])
    with io.BytesIO() as file:
        torch.jit.save(scripted, file)
        file.seek(0)
        assert_equal_to_eager(case, torch.jit.load(file), eager, sizes=slice(0, 2))
    scripted.train()
    assert isinstance(scripted(image), list) == eager.deep_supervision


@pytest.mark.parametrize("case", some("2d-isotropic", "3d-anisotropic"))
def test_export_holds_at_other_sizes(case):
    eager = case.network()
    example = torch.randn(2, 1, *case.sizes[0])
    dims = dict.fromkeys([0, *range(2, example.dim())], torch.export.Dim.DYNAMIC)
    program = torch.export.export(eager, (example,), dynamic_shapes=(dims,))
    assert_equal_to_eager(case, program.module(), eager)


@pytest.mark.parametrize("case", some("3d-light"))
@pytest.mark.filterwarnings("ignore")  # the exporter's own, many and changing
def test_onnx_holds_at_other_sizes(case, tmp_path):
    import onnxruntime

    eager = case.network()
    example = torch.randn(2, 1, *case.sizes[0])
    dims = dict.fromkeys([0, *range(2, example.dim())], torch.export.Dim.DYNAMIC)
    program = torch.onnx.export(eager, (example,), dynamo=True, dynamic_shapes=(dims,), verbose=False)
    program.save(tmp_path / "network.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "network.onnx", providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    assert_equal_to_eager(case, lambda image: torch.from_numpy(session.run(None, {name: image.numpy()})[0]), eager)


@pytest.mark.parametrize("case", some())
def test_compile(case):
    # dynamic=False: in torch 2.13 Inductor fails on 3D convolutions of dynamic size, on MONAI's UNet as well
    torch._dynamo.reset()
    eager = case.network()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Inductor's own
        assert_equal_to_eager(case, torch.compile(eager, dynamic=False), eager, sizes=slice(0, 1))


def test_nan_in_nan_out():
    image = torch.full((1, 1, 33, 47), torch.nan)
    assert network(2).eval()(image).isnan().all()
