"""MONAI's own commands on every bundle."""

import numpy as np
import pytest
import torch
from monai.bundle import ckpt_export, onnx_export, verify_net_in_out

# torch's exporters warn of each other, whatever they export
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]


@pytest.fixture
def files(shipped) -> dict[str, str]:
    configs = shipped.root / "configs"
    return {"meta_file": str(configs / "metadata.json"), "config_file": str(configs / "inference.json")}


def test_the_network_takes_and_gives_what_the_metadata_say(files):
    verify_net_in_out(net_id="network_def", device="cpu", **files)


def example(shipped) -> torch.Tensor:
    image = shipped.metadata["network_data_format"]["inputs"]["image"]
    return torch.rand(1, image["num_channels"], *image["spatial_shape"])


def logits(shipped, image: torch.Tensor) -> torch.Tensor:
    from monai.bundle import load

    network = load(shipped.name, bundle_dir=str(shipped.root.parent), workflow_type="inference", device="cpu").eval()
    with torch.no_grad():
        return network(image)


def test_export_to_torchscript(shipped, files, tmp_path):
    weights = str(shipped.root / "models" / "model.pt")
    ckpt_export(net_id="network_def", filepath=str(tmp_path / "model.ts"), ckpt_file=weights, **files)
    image = example(shipped)
    with torch.no_grad():
        exported = torch.jit.load(tmp_path / "model.ts").eval()(image)
    torch.testing.assert_close(exported, logits(shipped, image), atol=1e-4, rtol=1e-4)


def test_export_to_onnx(shipped, files, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    weights = str(shipped.root / "models" / "model.pt")
    image = example(shipped)
    path = tmp_path / "model.onnx"
    onnx_export(net_id="network_def", filepath=str(path), ckpt_file=weights, input_shape=list(image.shape), **files)
    session = onnxruntime.InferenceSession(str(path))
    exported = session.run(None, {session.get_inputs()[0].name: image.numpy()})[0]
    np.testing.assert_allclose(exported, logits(shipped, image).numpy(), atol=1e-3, rtol=1e-3)
