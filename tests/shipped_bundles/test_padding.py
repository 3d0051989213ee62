"""What surrounds an image is the same in training, validation and inference."""

import numpy as np
import pytest
import torch
from monai.bundle import ConfigParser
from monai.transforms import Compose, RandAffined, SpatialPadd

from monai_attn.bundle import plan
from tests.conftest import SHIPPED, Bundle, save_nifti


def contents(bundle: Bundle, name: str) -> ConfigParser:
    parser = ConfigParser(ConfigParser.load_config_file(bundle.configs(name)[0]))
    parser["bundle_root"] = str(bundle.root)
    return parser


def assert_one_padding(bundle: Bundle) -> float:
    """Training pads with what the sliding windows of all workflows pad with; that value."""
    train = contents(bundle, "train")
    value = float(train.get_parsed_content("padding_value"))
    paddings = [step for step in train.get_parsed_content("augmentation") if isinstance(step, SpatialPadd)]
    assert {step.keys: step.padder.kwargs.get("value", 0) for step in paddings} == {("image",): value, ("label",): 0}
    assert train.get_parsed_content("validate::inferer").cval == value
    for name in ("evaluate", "inference"):
        assert contents(bundle, name).get_parsed_content("inferer").cval == value
    zeros = [
        step
        for step in train.get_parsed_content("augmentation")
        if isinstance(step, RandAffined) and str(step.rand_affine.padding_mode) == "zeros"
    ]
    assert not zeros or value == 0
    return value


def test_training_and_prediction_pad_alike(shipped):
    assert_one_padding(shipped)


def test_air_is_what_ct_is_padded_with(tmp_path):
    """Windowed air, in the shipped CT bundle and in a planned one."""
    rng = np.random.default_rng(0)
    for index in range(5):
        label = np.zeros((24, 24, 20), np.uint8)
        label[8:16, 6:14, 5:12] = 1
        image = np.where(label > 0, 60, -900) + rng.normal(0, 20, label.shape)
        save_nifti(tmp_path / "ct" / "imagesTr" / f"c{index}_0000.nii.gz", image.astype(np.int16))
        save_nifti(tmp_path / "ct" / "labelsTr" / f"c{index}.nii.gz", label)
    names = '{"channel_names": {"0": "CT"}, "labels": {"background": 0, "organ": 1}, "file_ending": ".nii.gz"}'
    (tmp_path / "ct" / "dataset.json").write_text(names)
    planned = Bundle(plan(tmp_path / "ct", "planned", tmp_path, hours=0.0005, progress=False).bundle_root)
    headneck = next(bundle for bundle in SHIPPED if "headneck" in bundle.name)
    for bundle in (headneck, planned):
        value = assert_one_padding(bundle)
        steps = contents(bundle, "train").get_parsed_content("image_transforms")
        steps = [step for step in steps if "Intensity" in type(step).__name__]
        air = Compose(steps)({"image": torch.full((1, 2, 2, 2), -1024.0)})["image"]
        assert float(air.min()) == pytest.approx(value)


def test_a_small_image_reaches_the_network_with_that_value_around_it(shipped):
    inferer = contents(shipped, "inference").get_parsed_content("inferer")
    seen = []

    def network(window: torch.Tensor) -> torch.Tensor:
        seen.append(window.clone())  # MONAI weights what comes back in place
        return window

    small = torch.full((1, 1, *(6 for _ in inferer.roi_size)), 7.0)
    torch.testing.assert_close(inferer(small, network), small)
    around = seen[0][seen[0] < 6.9]
    assert len(around) == seen[0].numel() - small.numel()
    assert torch.all(around == contents(shipped, "train").get_parsed_content("padding_value"))
