"""Every wrong argument and every wrong image is refused with its name, its value and the cure."""

import numpy as np
import pytest
import torch
from small_networks import small


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        ({"spatial_dims": 1}, ["spatial_dims=1", "use 2"]),
        ({"in_channels": 0}, ["in_channels=0", "at least 1"]),
        ({"out_channels": "3"}, ["out_channels='3'", "whole number"]),
        ({"channels": (8,)}, ["channels=(8,)", "two or more"]),
        ({"channels": (8, 0, 8)}, ["channels=0", "at least 1"]),
        ({"strides": (2, 2, 2)}, ["strides=(2, 2, 2)", "3 levels", "remove 1"]),
        ({"strides": (2,)}, ["strides=(2,)", "3 levels", "add 1"]),
        ({"strides": ((2, 2, 2), 2)}, ["strides=(2, 2, 2)", "3 numbers for 2 spatial axes"]),
        ({"strides": (0, 2)}, ["strides=0", "at least 1"]),
        ({"kernel_size": 4}, ["kernel_size=4", "even", "5"]),
        ({"kernel_size": [3, [3, 3], 3, 3]}, ["kernel_size=[3, [3, 3], 3, 3]", "4 entries", "each level"]),
        ({"kernel_size": (3, 3, 3)}, ["kernel_size=(3, 3, 3)", "2 spatial axes"]),
        ({"up_kernel_size": 2}, ["up_kernel_size=2", "even", "3"]),
        ({"dropout": -0.1}, ["dropout=-0.1", "less than 1"]),
        ({"spatial_dims": 2.0}, ["spatial_dims=2.0", "use 2"]),
        ({"channels": 16}, ["channels=16", "list such as [16, 32, 64]"]),
        ({"strides": 2}, ["strides=2", "list such as [2, 2]"]),
        ({"kernel_size": 3.0}, ["kernel_size=3.0", "whole number"]),
        ({"kernel_size": None}, ["kernel_size=None", "whole number"]),
        ({"act": "foo"}, ["act='foo'", "'relu'"]),
        ({"norm": "foo"}, ["norm='foo'", "'instance'"]),
        ({"norm": ("group", {"num_groups": 5})}, ["cannot normalise 8 channels", "divide"]),
        ({"adn_ordering": "XYZ"}, ["adn_ordering='XYZ'", "'NDA'"]),
        ({"norm": "layer"}, ["norm='layer'", "one fixed image size", "'instance'"]),
        ({"norm": ("LAYER", {"normalized_shape": 8})}, ["norm=('LAYER'", "'batch'"]),
        ({"num_res_units": -1}, ["num_res_units=-1", "at least 0"]),
        ({"upsample": "magic"}, ["upsample='magic'", "'deconv'", "'nontrainable'"]),
        ({"upsample": "pixelshuffle", "strides": ((2, 1), 2)}, ["strides=(2, 1)", "every axis", "'deconv'"]),
        ({"gated_levels": [2]}, ["gated_levels=[2]", "0 (finest) to 1"]),
        ({"gated_levels": [0, 0]}, ["gated_levels=[0, 0]", "different"]),
        ({"gate": {"modes": "additive"}}, ["gate={'modes'", "use ", "mode"]),
        ({"gate": {"norm": "batch"}}, ["'norm'", "use "]),
        ({"gate": 5}, ["gate=5", "use names and values"]),
        ({"gate": ["open_start"]}, ["gate=['open_start']", "use names and values"]),
        ({"gate": {"open_start": "false"}}, ["open_start='false'", "True or False"]),
        ({"bias": "false"}, ["bias='false'", "True or False"]),
        ({"deep_supervision": "false"}, ["deep_supervision='false'", "True or False"]),
        ({"norm": 5}, ["norm=5", "'instance'"]),
        ({"adn_ordering": None}, ["adn_ordering=None", "'NDA'"]),
        ({"upsample": "pixelshuffle", "up_kernel_size": 7}, ["up_kernel_size=(7, 7)", "leave up_kernel_size out"]),
        ({"stem_strides": 0}, ["stem_strides=0", "at least 1"]),
        ({"head_channels": 0}, ["head_channels=0", "at least 1"]),
    ],
)
def test_wrong_arguments_name_argument_value_and_cure(arguments, parts):
    with pytest.raises(ValueError) as error:
        small(**arguments)
    assert all(part in str(error.value) for part in parts), error.value


@pytest.mark.parametrize(
    ("shape", "parts"),
    [
        ((1, 1, 32), ["(1, 1, 32)", "3 axes", "(B, C, H, W)"]),
        ((1, 2, 32, 32), ["(1, 2, 32, 32)", "2 channels", "in_channels=1"]),
        ((1, 1, 4, 4), ["(1, 1, 4, 4)", "leaves 1 voxel", "pad the image"]),
        ((0, 1, 32, 32), ["(0, 1, 32, 32)", "is empty"]),
        ((1, 1, 0, 32), ["(1, 1, 0, 32)", "is empty"]),
    ],
)
@pytest.mark.parametrize("call", ["forward", "attention_coefficients"])
def test_wrong_images_are_refused_with_the_cure(shape, parts, call):
    with pytest.raises(ValueError) as error:
        getattr(small(), call)(torch.randn(shape))
    assert all(part in str(error.value) for part in parts), error.value


@pytest.mark.parametrize("image", [None, np.zeros((1, 1, 32, 32)), torch.zeros(1, 1, 32, 32, dtype=torch.int16)])
def test_what_is_no_floating_point_tensor_is_refused(image):
    with pytest.raises(ValueError, match=r"image is of type .*, but the network takes floating-point tensors"):
        small()(image)


def test_a_group_norm_with_a_single_value_is_refused():
    network = small(norm=("group", {"num_groups": 8}), channels=(8, 16, 8))
    with pytest.raises(ValueError, match=r"leaves 1 voxel\(s\) .* too few for norm=\('group'"):
        network(torch.randn(1, 1, 4, 4))
    assert network(torch.randn(2, 1, 4, 4)).shape == (2, 3, 4, 4)


def test_numbers_and_lists_may_be_numpys():
    network = small(channels=np.array([8, 16, 24]), strides=[np.array([2, 1]), np.int64(2)])
    assert network.channels == (8, 16, 24)
    assert network.strides == ((2, 1), (2, 2))
