import numpy as np
import pytest
import torch
from monai.data import MetaTensor
from monai.transforms import Compose

from monai_attn.data import KeepLargestInSlicesd, NormalizeSlicesd, RandFlipSwapd, SqueezeSliced


def test_a_slice_is_normalised_the_same_alone_and_in_a_stack():
    stack = torch.rand(2, 8, 9, 4) * torch.tensor([1.0, 50, 3, 0]) + 7
    normalised = NormalizeSlicesd("image")({"image": stack})["image"]
    for k in range(4):
        alone = NormalizeSlicesd("image")({"image": stack[..., k]})["image"]
        torch.testing.assert_close(normalised[..., k], alone)
    torch.testing.assert_close(normalised[..., :3].mean((1, 2)), torch.zeros(2, 3), atol=1e-5, rtol=0)
    torch.testing.assert_close(normalised[..., :3].std((1, 2), correction=0), torch.ones(2, 3))
    assert (normalised[..., 3] == 0).all()  # constant


def test_each_slice_keeps_its_own_largest_component():
    first, second = torch.zeros(2, 9, 9)
    first[1:5, 1:5], first[7, 7] = 1, 1
    second[6:8, 6:8], second[1, 1] = 1, 1  # beside a larger one in the next slice, and apart from it
    stack = torch.stack([first, second, torch.zeros(9, 9)], dim=-1)[None]
    kept = KeepLargestInSlicesd("pred")({"pred": stack})["pred"]
    assert kept.sum((0, 1, 2)).tolist() == [16, 4, 0]
    for k in range(3):
        alone = KeepLargestInSlicesd("pred")({"pred": stack[..., k]})["pred"]
        torch.testing.assert_close(kept[..., k], alone)
    assert stack.sum() == 22  # the input stays


def test_a_stack_of_one_becomes_a_slice_and_nothing_else_changes():
    items = {"image": MetaTensor(torch.rand(1, 5, 6, 1)), "label": torch.rand(1, 5, 6), "more": torch.rand(1, 5, 6, 2)}
    squeezed = SqueezeSliced(["image", "label", "more"])(items)
    assert [squeezed[key].ndim for key in items] == [3, 3, 4]
    torch.testing.assert_close(squeezed["image"].as_tensor(), items["image"].as_tensor()[..., 0])


@pytest.mark.parametrize("prob", [0.0, 1.0])
def test_a_flip_swaps_the_sides_labels_along(prob):
    label = torch.tensor([0, 1, 1, 2, 3])[None, :, None]
    image = label * 10.0
    flip = Compose([RandFlipSwapd(["image", "label"], swap=[[1, 2]], prob=prob, spatial_axis=0)])
    flipped = flip({"image": image, "label": label})
    if prob:
        assert flipped["label"].flatten().tolist() == [3, 1, 2, 2, 0]
        assert flipped["image"].flatten().tolist() == [30, 20, 10, 10, 0]
    else:
        assert flipped["label"].flatten().tolist() == label.flatten().tolist()
    assert label.flatten().tolist() == [0, 1, 1, 2, 3]


def test_a_left_organ_stays_left_by_its_label():
    """Left of the midline is where label 1 lies; after the flip, too, in a symmetric body."""
    label = np.zeros((1, 10, 4), np.uint8)
    label[:, :3], label[:, 7:] = 1, 2
    flipped = RandFlipSwapd(["label"], swap=[[1, 2]], prob=1.0)({"label": label})["label"]
    np.testing.assert_array_equal(flipped, label)


@pytest.mark.parametrize("swap", [[[1]], [[1, 2], [2, 3]], [[1, 1]]])
def test_pairs_that_are_none_are_refused(swap):
    with pytest.raises(ValueError, match=r"is not a list of pairs .*write it as \[\[3, 4\]"):
        RandFlipSwapd(["label"], swap=swap)
