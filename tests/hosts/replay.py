"""What MONAI Label and MONAI Deploy do to a bundle's configuration, step by step, without their packages.

Read off `monailabel/tasks/{infer,train}/bundle.py` (0.8.5) and
`monai/deploy/operators/monai_bundle_inference_operator.py` (4.0.0). The real programs run in `test_monai_label.py` and
`test_monai_deploy.py`.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from conftest import Bundle
from monai.bundle import ConfigParser, run
from monai.data import MetaTensor
from monai.transforms import Compose, Invertd, LoadImaged, MapTransform, Resize, SaveImaged
from parts import weights


def label_training(bundle: Bundle, cases: list[dict[str, str]], validation: list[dict[str, str]], epochs: int) -> None:
    """Train as MONAI Label does: over ``monai.bundle.run``, from the weights in ``models/model.pt``."""
    parser = ConfigParser()
    parser.read_config(bundle.configs("train")[0])
    handlers = parser.get("train#handlers", [])
    if not [handler for handler in handlers if handler.get("_target_") == "CheckpointLoader"]:
        path = str(bundle.root / "models" / "model.pt")
        loader = {"_target_": "CheckpointLoader", "load_path": path, "load_dict": {"model": "$@network"}}
        handlers.insert(0, loader | {"strict": False})
    run(
        run_id="run",
        init_id=None,
        final_id=None,
        meta_file=str(bundle.root / "configs" / "metadata.json"),
        config_file=bundle.configs("train")[0],
        **{
            "bundle_root": str(bundle.root),
            "train#trainer#max_epochs": epochs,
            "train#dataset#data": cases,
            "device": "cpu",
            "train#handlers": handlers,
            "validate#dataset#data": validation,
        },
    )


def label_inference(bundle: Bundle, image: str | np.ndarray, scoring: bool = False) -> dict[str, Any]:
    """Segment one image as MONAI Label does, file or array, and return the item after all transforms.

    Args:
        bundle: the bundle.
        image: path of a file, or voxels with the channel last.
        scoring: whether to do what the epistemic scoring does: dropout stays on, nothing is inverted.
    """
    parser = ConfigParser()
    parser.read_config(bundle.configs("inference")[0])
    parser.config.update({"bundle_root": str(bundle.root), "use_click": False})
    if scoring:
        parser["network_def"]["dropout"] = 0.2
    network = parser.get_parsed_content("network_def")
    network.load_state_dict(weights(bundle.root / "models" / "model.pt"), strict=True)
    network.train(scoring)

    item: dict[str, Any] = {"model": bundle.name, "device": "cpu", "image": image}
    if isinstance(image, str):
        item["image_path"] = image
    parser.config.update({"device": "cpu"})
    for transform in parser.get_parsed_content("preprocessing").transforms:
        if isinstance(transform, LoadImaged):
            transform._loader.image_only = False
            item = transform(item) if isinstance(image, str) else in_memory(item, transform.keys)
        else:
            item = transform(item)

    with torch.no_grad():
        item["pred"] = parser.get_parsed_content("inferer")(item["image"][None], network)[0]
    item["logits"] = item["pred"].clone()
    dropped = (SaveImaged, Invertd) if scoring else (SaveImaged,)
    for transform in parser.get_parsed_content("postprocessing").transforms:
        if not isinstance(transform, dropped):
            item = transform(item)
    return restored(item)


def in_memory(item: dict[str, Any], keys: tuple[str, ...]) -> dict[str, Any]:
    """Take an array for an image whose last axis is the channel."""
    for key in keys:
        meta = {"spatial_shape": item[key].shape[:-1], "original_channel_dim": -1, "original_affine": None}
        item[f"{key}_meta_dict"] = meta
        item[key] = MetaTensor(item[key], meta=meta)
    return item


def restored(item: dict[str, Any]) -> dict[str, Any]:
    """Bring the prediction to the size that the image had on disk, and lay its affine beside it."""
    meta, pred = item["image"].meta, item["pred"]
    size = tuple(meta["spatial_shape"])[-(pred.ndim - 1) :]
    if tuple(pred.shape[1:]) != size:
        pred = Resize(spatial_size=size, mode="nearest")(pred)
    return {**item, "pred": pred, "pred_meta_dict": {"affine": meta.get("original_affine")}}


def deploy_inference(root: Path, volume: np.ndarray, affine: np.ndarray) -> np.ndarray:
    """Segment one volume as MONAI Deploy does with a bundle in a folder, and return what it hands to its writer."""
    parser = ConfigParser()
    parser.read_meta(f=json.loads((root / "configs" / "metadata.json").read_text()))
    parser.read_config(f=[root / "configs" / "inference.json"])
    parser.parse()
    device, inferer = parser.get_parsed_content("device"), parser.get_parsed_content("inferer")
    before, after = (without_files(parser.get_parsed_content(key)) for key in ("preprocessing", "postprocessing"))
    network = parser.get_parsed_content("network")
    network.load_state_dict(weights(root / "models" / "model.pt"), strict=True)

    meta = {"affine": affine.copy(), "original_affine": affine.copy(), "space": "RAS", "modality": "MR"}
    meta |= {"spatial_shape": np.asarray(volume.shape), "original_channel_dim": "no_channel"}
    item = before({"image": MetaTensor.ensure_torch_and_prune_meta(torch.as_tensor(volume), meta)})
    with torch.no_grad():
        pred = inferer(inputs=item["image"][None].to(device), network=network.eval())[0]
    result: MetaTensor = after({"pred": pred, "image": item["image"]})["pred"]
    return np.squeeze(result.cpu().numpy(), 0).astype(np.uint8)


def without_files(compose: Compose) -> Compose:
    """Drop what reads and writes files, by the names of the classes, in place."""
    names = ("LoadImage", "SaveImage")
    compose.transforms = tuple(t for t in compose.transforms if not any(name in type(t).__name__ for name in names))
    assert isinstance(compose.transforms[0], MapTransform), "MONAI Deploy asks the first transform"
    return compose
