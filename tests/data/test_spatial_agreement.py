"""Transforms of a training run that move image and label apart are refused, whoever runs it."""

import pytest
from monai.transforms import (
    CenterSpatialCropd,
    Compose,
    Flipd,
    NormalizeIntensityd,
    Orientationd,
    RandAffined,
    RandFlipd,
    ResizeWithPadOrCropd,
    Spacingd,
    SpatialPadd,
)

from monai_attn.data._spatial_agreement import require_spatial_agreement

BOTH = ["image", "label"]


def ras(key):
    return Orientationd(key, "RAS", labels=None)


def spacing(key, size=1.0, **options):
    return Spacingd(key, [size] * 3, **options)


@pytest.mark.parametrize(
    "steps",
    [
        [],
        [ras(BOTH), spacing(BOTH), RandFlipd(BOTH)],
        [ras("image"), spacing("image", mode="bilinear"), NormalizeIntensityd("image"), ras("label"), spacing("label")],
        [SpatialPadd("image", [8] * 3, value=-1), SpatialPadd("label", [8] * 3), RandAffined(BOTH)],
        [spacing("label"), spacing("image")],
    ],
)
def test_steps_that_move_both_pass(steps):
    require_spatial_agreement(Compose(steps))
    require_spatial_agreement(lambda item: item)


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        (
            [spacing("image", 2.0), spacing("label")],
            r"Spacingd\(pixdim=\[2.0, 2.0, 2.0\]\) for image, Spacingd\(pixdim=\[1",
        ),
        ([ras("image"), Orientationd("label", "LPS", labels=None)], "axcodes=RAS.*axcodes=LPS"),
        ([ras("image"), spacing("image"), ras("label")], r"Spacingd\(.*\) for image, no such step for label"),
        ([RandFlipd("image", prob=0.5)], "RandFlipd.* for image, no such step for label"),
        ([Flipd("label", 0)], "no such step for image, Flipd"),
        ([CenterSpatialCropd("image", [4] * 3), CenterSpatialCropd("label", [5] * 3)], r"roi_size=\[4, 4, 4\]"),
        ([ResizeWithPadOrCropd("image", [4] * 3), ResizeWithPadOrCropd("label", [5] * 3)], "ResizeWithPadOrCropd"),
        ([SpatialPadd("image", [9] * 3), SpatialPadd("label", [8] * 3)], r"spatial_size=\[9, 9, 9\]"),
        ([ras("image"), spacing("image"), spacing("label"), ras("label")], "Orientationd.* for image, Spacingd"),
    ],
)
def test_steps_that_move_one_alone_are_named(steps, words):
    with pytest.raises(ValueError, match=f"moved apart in training: .*{words}"):
        require_spatial_agreement(Compose(steps))


def test_a_training_started_from_python_is_refused_as_well(make_dataset, tmp_path):
    from tests.conftest import SHIPPED

    bundle = next(bundle for bundle in SHIPPED if bundle.spatial_dims == 3)
    with pytest.raises((ValueError, RuntimeError)) as caught:
        bundle.run(
            "train",
            dataset_dir=str(make_dataset(num_classes=bundle.num_classes)),
            output_dir=str(tmp_path / "run"),
            **{"image_transforms::1::pixdim": [2.0, 2.0, 2.0]},
        )
    assert "image and label are moved apart" in str(caught.value.__cause__ or caught.value)
    assert not (tmp_path / "run").exists()
