import pytest
import torch
from monai.inferers import SimpleInferer, SlidingWindowInferer
from torch import nn

from monai_attn.inferers import FlipAveragingInferer, SlicewiseInferer


@pytest.mark.parametrize("spatial_dim", [0, 1, 2])
def test_a_stack_is_the_stack_of_its_slices(spatial_dim):
    network = nn.Conv2d(1, 2, 3, padding=1)
    inferer = SlicewiseInferer((8, 8), spatial_dim=spatial_dim, overlap=0.25, mode="gaussian")
    volume = torch.rand(1, 1, 12, 11, 10)
    with torch.no_grad():
        whole = inferer(volume, network)
        slices = [inferer(part, network) for part in volume.unbind(spatial_dim + 2)]
    assert whole.shape == (1, 2, 12, 11, 10)
    torch.testing.assert_close(whole, torch.stack(slices, spatial_dim + 2))


def test_an_image_in_2d_goes_through_the_window():
    network, image = nn.Conv2d(1, 2, 3, padding=1), torch.rand(1, 1, 20, 21)
    with torch.no_grad():
        torch.testing.assert_close(
            SlicewiseInferer((8, 8))(image, network), SlidingWindowInferer((8, 8))(image, network)
        )


class Ramp(nn.Module):
    """Logits that depend on the side: channel 1 grows along the first axis, channel 2 against it."""

    def forward(self, x):
        ramp = torch.linspace(0, 1, x.shape[2])[None, None, :, None].expand(1, 1, *x.shape[2:])
        return torch.cat([x, ramp, 1 - ramp], dim=1)


def test_without_axes_nothing_changes():
    image = torch.rand(1, 1, 6, 7)
    torch.testing.assert_close(FlipAveragingInferer(SimpleInferer())(image, Ramp()), Ramp()(image))


def test_flips_are_flipped_back_and_averaged():
    image = torch.rand(1, 1, 6, 7)
    mean = FlipAveragingInferer(SimpleInferer(), axes=[0, 1])(image, Ramp())
    torch.testing.assert_close(mean[:, :1], image)  # what follows the image comes back as it was
    torch.testing.assert_close(mean[:, 1:], torch.full((1, 2, 6, 7), 0.5))  # what does not is averaged


def test_paired_channels_change_places_under_a_flip_along_their_axis_only():
    image = torch.rand(1, 1, 6, 7)
    for axes in ([0], [0, 1], [1]):
        mean = FlipAveragingInferer(SimpleInferer(), axes=axes, swap=[[1, 2]])(image, Ramp())
        torch.testing.assert_close(mean, Ramp()(image))  # this network knows left from right: swapped back, all agree


def test_an_axis_that_is_not_there_is_named():
    with pytest.raises(ValueError, match=r"flip axes \[0, 2\]: .* has no spatial axis 2; use some of \[0, 1\]"):
        FlipAveragingInferer(SimpleInferer(), axes=[0, 2])(torch.rand(1, 1, 6, 7), Ramp())
