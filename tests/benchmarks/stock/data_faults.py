"""Faults in a data set of six cases: a training of the stock bundle on each."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import damage as d
import numpy as np
from conftest import save_nifti

Spoil = Callable[[Path], Any]
MIRRORED = np.diag([-1.0, 1, 1, 1])


def both(change: Callable[[Path], Any]) -> Spoil:
    return lambda root: [change(path) for path in (d.image(root), d.label(root))]


def every_label(change: Callable[[np.ndarray], np.ndarray], *cases: int) -> Spoil:
    return lambda root: [d.edit(d.label(root, f"case_{k}"), change) for k in cases or range(6)]


def small(root: Path) -> None:
    for k in range(6):
        for path in (d.image(root, f"case_{k}"), d.label(root, f"case_{k}")):
            d.edit(path, lambda v: v[2:8, 2:8, 2:8])


def few(root: Path) -> None:
    for k in range(2, 6):
        d.image(root, f"case_{k}").unlink()
        d.label(root, f"case_{k}").unlink()


def twins(root: Path) -> None:
    shutil.copy(d.image(root, "case_0"), d.image(root, "case_5"))
    shutil.copy(d.label(root, "case_0"), d.label(root, "case_5"))


def nothing_that_fits(root: Path) -> None:
    for path in (*root.glob("images/*"), *root.glob("labels/*")):
        path.rename(path.with_name(path.name.replace(".nii.gz", ".mha")))


DATA_FAULTS: dict[str, Spoil] = {
    "none": lambda _: None,
    "label of another shape": lambda r: d.edit(d.label(r), lambda v: v[:-1]),
    "label of another shape, both smaller": lambda r: d.edit(d.label(r), lambda v: v[:-1, :-1, :-1]),
    "label's origin 7.5 mm off": lambda r: d.move(d.label(r), d.moved(7.5)),
    "label turned by 10 degrees": lambda r: d.move(d.label(r), d.turned(10)),
    "label's spacing doubled": lambda r: d.move(d.label(r), np.diag([2.0, 2, 2, 1])),
    "label's header mirrored": lambda r: d.move(d.label(r), MIRRORED),
    "label's voxels mirrored": lambda r: d.edit(d.label(r), lambda v: v[::-1].copy()),
    "4D label": lambda r: d.edit(d.label(r), lambda v: np.stack([v, v], -1)),
    "two channels in one case": lambda r: d.edit(d.image(r), lambda v: np.stack([v, v], -1)),
    "labels 0.9999": lambda r: [d.almost_whole(d.label(r, f"case_{k}")) for k in range(6)],
    "labels 0.5": lambda r: d.edit(d.label(r), lambda v: v / np.float32(2)),
    "labels with scl_slope 1/41": lambda r: [d.slope(d.label(r, f"case_{k}")) for k in range(6)],
    "label value 255": lambda r: d.edit(d.label(r), lambda v: np.where(v == 2, 255, v).astype(np.uint8)),
    "label value -1": lambda r: d.edit(d.label(r), lambda v: v.astype(np.int16) - 1),
    "label value 3 of 0 to 2": lambda r: d.edit(d.label(r), lambda v: np.where(v == 2, 3, v).astype(np.uint8)),
    "NaN in an image": lambda r: d.edit(d.image(r), lambda v: np.where(v > 200, np.nan, v)),
    "infinity in an image": lambda r: d.edit(d.image(r), lambda v: np.where(v > 200, np.inf, v)),
    "one empty label": lambda r: d.edit(d.label(r), lambda v: v * 0),
    "all labels empty": every_label(lambda v: v * 0),
    "validation labels empty": every_label(lambda v: v * 0, 4, 5),
    "gz cut short": lambda r: d.image(r).write_bytes(d.image(r).read_bytes()[:3000]),
    "0 bytes": lambda r: d.image(r).write_bytes(b""),
    "a web page": lambda r: d.image(r).write_text("<html><body>404</body></html>"),
    "not compressed .nii.gz": lambda r: d.image(r).write_bytes(d.gzip.decompress(d.image(r).read_bytes())),
    "a label is missing": lambda r: d.label(r).unlink(),
    "two files of one name": lambda r: save_nifti(r / "images" / "case_2.nii", d.arrays(8)[0]),
    "one content on both sides": twins,
    "smaller than the patch": small,
    "no folder": shutil.rmtree,
    "no file that fits": nothing_that_fits,
    "two cases": few,
    "RGB": lambda r: d.rgb(d.image(r)),
    "spacing 0": lambda r: d.patch_header(d.image(r), d.PIXDIM_Y, 0),
    "NaN in the affine": lambda r: d.patch_header(d.image(r), d.SROW_Y, np.nan),
    "spacing 300 mm": both(lambda path: d.move(path, np.diag([300.0, 300, 300, 1]))),
}
OPTIONS: dict[str, dict[str, Any]] = {"spacing 300 mm": {"memory_gb": 16}}
FOLDERS = ["with space", "größe ü 数", "[brackets] (1)", "a,b", "2024"]  # the last two relative, from the data's folder
SWITCHES: dict[str, dict[str, Any]] = {
    "patch of 7 with a stride of 2": {"patch_size": "[7,7,7]"},
    "absent CUDA": {"device": "$torch.device('cuda:0')"},
    "loss becomes NaN": {
        "loss": "$lambda p, y: monai.losses.DiceCELoss(to_onehot_y=True, softmax=True)(p, y) * numpy.nan"
    },
    "misspelt switch": {"max_epoch": 1},
    "code in a config": {"initialize": "$os.system('touch ran')"},
}
