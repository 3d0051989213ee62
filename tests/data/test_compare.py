"""Images and results that are unlike all that trained the weights are named."""

import logging

import numpy as np
import pytest
import torch
from monai.data import MetaTensor

from monai_attn import AttentionGatedUNet
from monai_attn.data import CaseFacts, CompareImaged, CompareVolumesd, TrainingRanges, image_digest, measure_ranges
from monai_attn.networks import state_with_note

CT = (-1000.0, 40.0, 1200.0)


def facts(index: int, **changes: object) -> CaseFacts:
    values = {
        "shape": (100, 90, 50 + index),
        "spacing_mm": (1.0, 1.0, 3.0),
        "orientation": "LPS",
        "percentiles": [CT],
        "label_voxels": {0: 400_000, 1: 5000 + 1000 * index, 2: 10_000},
        "contents": [f"digest {index}"],
    }
    return CaseFacts(f"case_{index}", [f"{index}.nii"], f"{index}.nii", **{**values, **changes})


@pytest.fixture
def weights(tmp_path):
    """Weights that were trained on three CT of 100 x 90 x 150 mm, with 15 to 21 mL and 30 mL of two classes."""

    def save(*cases: CaseFacts, note: dict | None = None):
        ranges = measure_ranges(cases or [facts(0), facts(1), facts(2)], 3, 3)
        network = AttentionGatedUNet(3, 1, 3, [4, 8], [2])
        torch.save(state_with_note(network, ranges.to_note() if note is None else note), tmp_path / "model.pt")
        return tmp_path / "model.pt"

    return save


def image(shape=(100, 90, 50), spacing=(1.0, 1.0, 3.0), low=-1000.0, high=1000.0) -> MetaTensor:
    values = torch.full((1, *shape), low)
    values[:, ::2] = high
    return MetaTensor(values, affine=torch.diag(torch.tensor([*spacing, 1.0], dtype=torch.float64)))


def test_ranges_are_those_of_the_cases_turned_to_ras():
    turned = facts(1, orientation="SLP", shape=(60, 100, 90), spacing_mm=(2.5, 1.0, 1.0))
    ranges = measure_ranges([facts(0), turned], 3, 3)
    assert ranges.cases == 2
    assert ranges.spacing_mm == ((1.0, 1.0), (1.0, 1.0), (2.5, 3.0))
    assert ranges.field_of_view_mm == ((100.0, 100.0), (90.0, 90.0), (150.0, 150.0))
    assert ranges.volume_ml == ((15.0, 15.0), (25.0, 30.0))
    assert TrainingRanges.from_note(ranges.to_note()) == ranges
    assert measure_ranges([], 3, 3) is None


def test_slices_have_areas_and_no_volumes():
    ranges = measure_ranges([facts(0, shape=(256, 256, 1)), facts(1, shape=(200, 256))], 2, 3)
    assert ranges.field_of_view_mm == ((200.0, 256.0), (256.0, 256.0))
    assert ranges.volume_ml == ()


def test_what_was_seen_in_training_passes(weights, caplog):
    item = {"case": "new", "image": image()}
    assert CompareImaged("image", weights())(item)["image"] is item["image"]
    CompareImaged("image", weights())({"case": "fine", "image": image((200, 180, 150), (0.5, 0.5, 1.0))})
    labels = torch.zeros(1, 100, 90, 50)
    labels.view(-1)[:6000], labels.view(-1)[6000:15000] = 1, 2
    CompareVolumesd("pred", weights(), ["a", "b"])({"pred": MetaTensor(labels, affine=image().affine)})
    assert not caplog.records


@pytest.mark.parametrize(
    ("strange", "words"),
    [
        (image((250, 90, 50)), "field of view is 250 x 90 x 150 mm, in training 100 x 90 x 150 to 100 x 90 x 156"),
        (image((100, 40, 50)), "field of view is 100 x 40 x 150 mm"),
        (image((50, 45, 20), (2.0, 2.0, 7.0)), "its voxels are 2 x 2 x 7 mm, in training 1 x 1 x 3"),
        (image(low=0.0, high=2200.0), "its lowest values are about 0, where air has about -1000 HU"),
        (image(low=0.0, high=2200.0), "its intercept of about -1024 may be missing"),
        (image(low=-160.0, high=300.0), "about -160, where air has about -1000 HU: they may be cut off or scaled"),
        (image(low=0.0, high=255.0), "they may be cut off or scaled"),
        (
            image(low=-500.0, high=1500.0),
            "lowest values are about -500, where air has about -1000 HU: are they shifted?",
        ),
        (image(low=-2024.0, high=-1900.0), "are they shifted?"),
        (image(low=7.0, high=7.0), "nearly all its values are 7"),
        (image(high=9000.0), "its highest values are about 9000, in training 1200 to 1200"),
    ],
)
def test_an_image_unlike_them_is_named(weights, caplog, strange, words):
    CompareImaged("image", weights())({"case": "odd one", "image": strange})
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert record.getMessage().startswith("case 'odd one': ")
    assert words in record.getMessage()
    assert len(record.getMessage()) < 220


@pytest.mark.parametrize(("count", "words"), [(40_000, "120 mL of organ (15 to 21 mL in training)"), (0, "no organ (")])
def test_a_result_far_from_all_volumes_is_named(weights, caplog, count, words):
    labels = torch.zeros(1, 100, 90, 50)
    labels.view(-1)[:count], labels.view(-1)[-10_000:] = 1, 2
    CompareVolumesd("pred", weights(), ["organ", "other"])(
        {"case": "x", "pred": MetaTensor(labels, affine=image().affine)}
    )
    (record,) = caplog.records
    assert words in record.getMessage()
    assert "other" not in record.getMessage()


def test_a_class_that_some_cases_lack_may_be_absent(weights, caplog):
    path = weights(facts(0), facts(1, label_voxels={0: 1, 2: 10_000}))
    labels = torch.zeros(1, 100, 90, 50)
    labels.view(-1)[:10_000] = 2
    CompareVolumesd("pred", path, ["lesion", "other"])({"pred": MetaTensor(labels, affine=image().affine)})
    assert not caplog.records


def test_mr_has_no_scale_to_compare(weights, caplog):
    path = weights(facts(0, percentiles=[(0.0, 50.0, 300.0)]), facts(1, percentiles=[(3.0, 5e4, 3e5)]))
    CompareImaged("image", path)({"image": image(low=0.0, high=4e6)})
    assert not caplog.records


@pytest.mark.parametrize(
    "note",
    [
        {},
        {"cases": "many"},
        {"cases": 1, "images": [], "spacing_mm": [[1]], "field_of_view_mm": 3},
        {"spacing_mm": None},
    ],
)
def test_weights_that_say_nothing_usable_compare_nothing(weights, tmp_path, caplog, note):
    for path in (weights(note=note), tmp_path / "absent.pt"):
        CompareImaged("image", path)({"image": image((250, 250, 50))})
        CompareVolumesd("pred", path, ["a"])({"pred": image()})
    assert not caplog.records


def test_images_are_told_apart_by_their_values():
    assert image_digest(facts(0)) == image_digest(facts(0, shape=(1, 1, 1)))
    assert image_digest(facts(0)) != image_digest(facts(1))
    assert image_digest(facts(0, contents=[""])) == ""


def test_an_image_of_many_values_is_sampled(weights, caplog):
    strange = image((300, 300, 40), (0.4, 0.4, 4.0), low=0.0)
    assert np.prod(strange.shape) > 1_000_000
    CompareImaged("image", weights())({"image": strange})
    assert "lowest values" in caplog.text
