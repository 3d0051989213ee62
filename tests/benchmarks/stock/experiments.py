"""Weights, inference, caches and archives: what no training on spoilt data shows."""

import os
import pickle
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import damage as d
import nibabel as nib
import numpy as np
import torch
from conftest import save_nifti
from monai.apps.utils import extractall
from monai.data import PersistentDataset
from monai.metrics import DiceMetric
from monai.transforms import LoadImaged
from stock_bundle import StockBundle


def trained(folder: Path, **options: Any) -> tuple[StockBundle, Path, str]:
    """A bundle after a short training, its data, and how the training ended."""
    data, bundle = d.dataset(folder / "data"), StockBundle(folder / "bundle")
    return bundle, data, str(bundle.run("train", data, **options))


def weights(bundle: StockBundle) -> Path:
    return bundle.root / "models" / "model.pt"


def oblique(folder: Path) -> str:
    bundle, data, _ = trained(folder)
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = d.rotation(12) @ np.diag([0.8, 0.8, 1.7]), (-31.5, 20.25, 7)
    save_nifti(data / "images" / "case_0.nii.gz", d.arrays(0)[0], affine)
    said = bundle.run("inference", data)
    result = nib.load(bundle.root / "eval" / "case_0" / "case_0_seg.nii.gz")
    off = np.abs(result.affine - affine).max()
    return f"{said}; shape {result.shape} of {d.SHAPE}, affine off by {off:.1e}, type {result.get_data_dtype()}"


def no_images(folder: Path) -> str:
    bundle, _, _ = trained(folder)
    return str(bundle.run("inference", folder / "nowhere"))


def one_bad_of_a_batch(folder: Path) -> str:
    bundle, data, _ = trained(folder)
    d.image(data).write_bytes(d.image(data).read_bytes()[:3000])
    return str(bundle.run("inference", data))


def same_names(folder: Path) -> str:
    bundle, data, _ = trained(folder)
    for index, site in enumerate(("a", "b")):
        save_nifti(data / "images" / site / "scan.nii.gz", d.arrays(index)[0])
    return str(bundle.run("inference", data, datalist="$sorted(glob.glob(@dataset_dir + '/images/*/*.nii.gz'))"))


def many_labels(folder: Path) -> str:
    """Of 400 classes, 300 is predicted everywhere."""
    bundle, data, _ = trained(folder, **{"network_def::out_channels": 400, "max_epochs": 1})
    state = torch.load(weights(bundle), weights_only=True)
    state = {name: v + 1e6 * (torch.arange(400) == 300) if v.shape == (400,) else v for name, v in state.items()}
    torch.save(state, weights(bundle))
    said = []
    for dtype in ("$numpy.float32", "$numpy.uint8"):
        bundle.run("inference", data, **{"network_def::out_channels": 400, "output_dtype": dtype})
        values = {int(v) for p in bundle.root.glob("eval/*/*") for v in np.unique(nib.load(p).dataobj)}
        said.append(f"{dtype}: {sorted(values)}")
    return f"300 is written as {'; '.join(said)}"


def changed_weights(change: Callable[[Path], Any]) -> Callable[[Path], str]:
    def observe(folder: Path) -> str:
        bundle, data, _ = trained(folder, max_epochs=1)
        change(weights(bundle))
        said = str(bundle.run("inference", data))
        return f"{said}; THE CODE RAN" if (bundle.root / "ran").exists() else said

    return observe


class Payload:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("touch ran",)


def edit_weights(change: Callable[[torch.Tensor], torch.Tensor]) -> Callable[[Path], None]:
    def edit(path: Path) -> None:
        state = torch.load(path, weights_only=True)
        torch.save({k: change(v) if v.is_floating_point() else v for k, v in state.items()}, path)

    return edit


def dice_of_nothing(_: Path) -> str:
    """MONAI's Dice of an empty reference, alone and beside a reference that is met exactly."""
    empty, box = torch.zeros(2, 1, 2, 4, 4, 4)
    empty[:, 0], box[:, 0], box[:, 1, :2], box[:, 0, :2] = 1, 1, 1, 0
    metric, said = DiceMetric(include_background=False), []
    for pairs in ([(empty, empty)], [(box, empty)], [(box, box), (box, empty)]):
        metric.reset()
        for one, other in pairs:
            metric(one, other)
        said.append(f"{metric.aggregate().item():.4f}")
    return f"found empty {said[0]}, not found empty {said[1]}, the latter beside a case without fault {said[2]}"


def changed_behind_cache(folder: Path) -> str:
    data = d.dataset(folder / "data", count=1)
    items = [{"image": str(d.image(data, "case_0"))}]

    def mean() -> float:
        return float(PersistentDataset(items, LoadImaged("image"), cache_dir=folder / "cache")[0]["image"].mean())

    first = mean()
    d.edit(d.image(data, "case_0"), lambda v: v + 1000)
    return f"mean {first:.1f}, and {mean():.1f} after 1000 was added to the file"


def archives(folder: Path) -> str:
    with zipfile.ZipFile(folder / "slip.zip", "w") as archive:
        archive.writestr("../outside.txt", "x")
    with tarfile.open(folder / "link.tar", "w") as archive:
        link = tarfile.TarInfo("inside")
        link.type, link.linkname = tarfile.SYMTYPE, str(folder)
        archive.addfile(link)
        archive.addfile(tarfile.TarInfo("inside/outside.txt"))
    said = []
    for name in ("slip.zip", "link.tar"):
        try:
            extractall(str(folder / name), str(folder / "into"), file_type=name[-3:])
            said.append(f"{name}: no error")
        except Exception as error:  # whatever it is
            said.append(f"{name}: {type(error).__name__}: {error}"[:150])
    return f"{'; '.join(said)}; written outside: {(folder / 'outside.txt').exists()}"


EXPERIMENTS: dict[str, Callable[[Path], str]] = {
    "oblique image, inference": oblique,
    "no folder, inference": no_images,
    "one bad image of a batch": one_bad_of_a_batch,
    "the same name in two folders": same_names,
    "more than 255 labels": many_labels,
    "weights: pickle with code": changed_weights(lambda p: p.write_bytes(pickle.dumps(Payload()))),
    "weights: cut short": changed_weights(lambda p: p.write_bytes(p.read_bytes()[: p.stat().st_size // 2])),
    "weights: NaN": changed_weights(edit_weights(lambda v: v * np.nan)),
    "weights: changed, of the same shapes": changed_weights(edit_weights(lambda v: v + 1)),
    "weights: of another network": changed_weights(edit_weights(lambda v: v[:1] if v.ndim else v)),
    "Dice of an empty label": dice_of_nothing,
    "file changed behind PersistentDataset": changed_behind_cache,
    "archives that write elsewhere": archives,
}
