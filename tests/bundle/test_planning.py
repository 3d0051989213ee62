import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import SHIPPED
from monai.inferers import SlidingWindowInferer

from monai_attn.bundle.planning._budget import Cost, count_windows, fit_schedule
from monai_attn.bundle.planning._geometry import fit_geometry
from monai_attn.bundle.planning._recipe import image_transforms, network_definition
from monai_attn.bundle.planning._transfer import copy_weights, freeze_encoder, like_spec
from monai_attn.data import Fingerprint
from monai_attn.networks import LightAttentionGatedUNet
from monai_attn.networks._checksum import check_sha256

CUBE = Fingerprint(
    spatial_dims=3,
    num_cases=10,
    in_channels=1,
    class_names=("organ",),
    named=True,
    modality="MR",
    why_modality="given",
    spacing_mm=(1.0, 1.0, 1.0),
    fine_spacing_mm=(1.0, 1.0, 1.0),
    shape=(100, 100, 100),
    extent_mm=(100.0, 100.0, 100.0),
    zeros=0.0,
    foreground=(100.0, 20.0, 40.0, 180.0),
    class_volumes_mm3=(8000.0,),
    thickness_mm=(20.0,),
)


def seen(spacing, shape, voxels=64**3, thickness=20.0):
    extent = tuple(float(s * n) for s, n in zip(spacing, shape, strict=True))
    fingerprint = replace(CUBE, spacing_mm=spacing, fine_spacing_mm=spacing, shape=shape, extent_mm=extent)
    return fit_geometry(replace(fingerprint, thickness_mm=(thickness,)), voxels)


@pytest.mark.parametrize(
    ("spacing", "shape"),
    [
        ((1.0, 1.0, 1.0), (35, 50, 36)),
        ((1.0, 1.0, 1.0), (300, 300, 300)),
        ((0.7, 0.7, 5.0), (512, 512, 24)),
        ((0.4, 0.4, 3.6), (320, 320, 20)),
        ((4.0, 4.0, 3.0), (108, 60, 118)),
        ((1.0, 1.0, 1.0), (7, 9, 8)),
        ((2.0, 0.5, 0.5), (3, 256, 256)),
    ],
)
def test_every_plan_is_a_network_that_takes_its_patch(spacing, shape):
    geometry = seen(spacing, shape)
    multiple = np.prod([geometry.stem_strides, *geometry.strides], axis=0)
    assert not (np.array(geometry.patch_size) % multiple).any()
    assert np.prod(geometry.patch_size) < 1.6 * 64**3
    definition = network_definition(CUBE, geometry, 8)
    assert definition.pop("_target_") == "monai_attn.LightAttentionGatedUNet"
    network = LightAttentionGatedUNet(**definition)
    assert network.scales  # builds, with a gate on every level
    assert len(geometry.kernel_size) == len(definition["channels"])


def test_isotropic_data_get_isotropic_networks():
    geometry = seen((1.0, 1.0, 1.0), (64, 64, 64))
    assert geometry.patch_size == (64, 64, 64)
    assert set(geometry.strides) == {(2, 2, 2)}
    assert geometry.stem_strides == (2, 2, 2)
    assert "kernel_size" not in network_definition(CUBE, geometry, 16)
    assert geometry.thick_axis is None


def test_thick_slices_are_left_alone_until_the_others_are_as_coarse():
    geometry = seen((0.8, 0.8, 5.0), (128, 128, 16), thickness=1.0)
    assert geometry.thick_axis == 2
    assert geometry.stem_strides == (2, 2, 1)
    assert geometry.kernel_size[0] == (3, 3, 1)
    assert geometry.kernel_size[-1] == (3, 3, 3)
    assert any("no striding along axis 2 in the first 2 level(s)" in reason for reason in geometry.reasons)


def test_a_thick_axis_takes_its_fine_spacing_as_nnunet_does():
    fingerprint = replace(CUBE, spacing_mm=(1.0, 1.0, 5.0), fine_spacing_mm=(0.9, 0.9, 3.5), thickness_mm=(1.0,))
    assert fit_geometry(fingerprint, 64**3).spacing_mm == (1.0, 1.0, 3.5)


def test_large_images_are_made_coarser_but_never_beyond_the_thinnest_class():
    wide = seen((1.0, 1.0, 1.0), (400, 400, 400), thickness=60.0)
    assert wide.spacing_mm[0] == pytest.approx((400**3 * 0.25 / 64**3) ** (1 / 3), rel=0.03)
    assert any("low-resolution" in reason for reason in wide.reasons)
    thin = seen((1.0, 1.0, 1.0), (400, 400, 400), thickness=6.0)
    assert thin.spacing_mm[0] == pytest.approx(2.0, rel=0.03)  # three voxels across 6 mm
    assert any("limited to 3 voxels" in reason for reason in thin.reasons)
    assert seen((1.0, 1.0, 1.0), (400, 400, 400), thickness=2.0).spacing_mm == (1.0, 1.0, 1.0)


def test_ct_is_clipped_to_what_its_labels_hold_and_mr_is_not():
    ct = replace(CUBE, modality="CT")
    steps, nothing, why = image_transforms(ct, seen((1.0, 1.0, 1.0), (64, 64, 64)))
    window = steps[-1]
    assert (window["a_min"], window["a_max"], window["clip"]) == (40.0, 180.0, True)
    assert (window["b_min"], window["b_max"]) == (-3.0, 4.0)  # (40 - 100) / 20, (180 - 100) / 20
    assert nothing == -3.0
    assert "40 to 180 HU" in why
    steps, nothing, why = image_transforms(CUBE, seen((1.0, 1.0, 1.0), (64, 64, 64)))
    assert [step["_target_"] for step in steps][-2:] == ["ClipIntensityPercentilesd", "NormalizeIntensityd"]
    assert steps[-1]["nonzero"] is False
    steps, _, why = image_transforms(replace(CUBE, zeros=0.5), seen((1.0, 1.0, 1.0), (64, 64, 64)))
    assert steps[-1]["nonzero"] is True
    assert "50%" in why


def test_time_is_spent_on_steps_and_some_validations():
    cost = Cost(step_s=0.5, case_s=2.0, step_gb=0.1, case_gb=0.01)
    schedule = fit_schedule(cost, hours=1.0, training=40, validation=10, batch_size=2)
    assert schedule.seconds == pytest.approx(3600 * 0.9, rel=0.05)
    assert 80 <= schedule.max_epochs <= 120
    assert schedule.steps == schedule.max_epochs * 40 * schedule.repeats // 2
    rounds = schedule.max_epochs // schedule.val_interval
    assert 15 <= rounds <= 25
    few = fit_schedule(cost, hours=1.0, training=3, validation=1, batch_size=2)
    assert few.repeats > 10
    assert few.max_epochs <= 120
    short = fit_schedule(cost, hours=0.001, training=400, validation=100, batch_size=2)
    assert (short.max_epochs, short.repeats, short.val_interval) == (1, 1, 1)


def test_thick_slices_are_not_made_thicker_before_the_others():
    geometry = seen((0.8, 0.8, 2.5), (512, 512, 150), voxels=64**3, thickness=100.0)
    assert geometry.spacing_mm[2] / geometry.spacing_mm[0] == pytest.approx(2, rel=0.03)  # it was 3.1
    small = seen((0.6, 0.6, 3.6), (320, 320, 20), voxels=64**3, thickness=30.0)
    assert small.spacing_mm[2] == 3.6


def test_a_class_without_a_surface_has_no_thickness_to_keep():
    geometry = seen((1.0, 1.0, 1.0), (400, 400, 400), thickness=0.0)
    assert geometry.spacing_mm[0] > 3


@pytest.mark.parametrize(("skip_head", "epochs", "frozen"), [(True, 50, 1), (True, 2, None), (False, 50, None)])
def test_an_encoder_is_frozen_only_where_epochs_are_left(skip_head, epochs, frozen):
    train = {"run": [{"skip_head": True}, "$@train::trainer.run()"]} if skip_head else {}
    train["max_epochs"] = epochs
    freeze_encoder(train, reasons := [])
    assert train.get("freeze_encoder_epochs") == frozen
    assert len(reasons) == (frozen is not None)


def test_weights_are_copied_with_their_sha256_and_only_if_it_fits(tmp_path):
    shipped = SHIPPED[-1].root / "models" / "model.pt"
    copy_weights(shipped, tmp_path)
    copied = tmp_path / "pretrained" / "model.pt"
    assert copied.read_bytes() == shipped.read_bytes()
    assert "model.pt" in (tmp_path / "pretrained" / "model.pt.sha256").read_text()
    check_sha256(copied, shipped.read_bytes())
    copied.write_bytes(shipped.read_bytes()[:-1])
    with pytest.raises(ValueError, match="have SHA-256"):
        copy_weights(copied, tmp_path / "next")
    assert not (tmp_path / "next" / "pretrained" / "model.pt").exists()


def test_weights_that_a_bundle_links_to_elsewhere_are_not_taken_with_it(tmp_path):
    root = shutil.copytree(SHIPPED[-1].root, tmp_path / "bundle")
    weights = root / "models" / "model.pt"
    outside = shutil.move(weights, tmp_path / "model.pt")
    os.symlink(outside, weights)
    with pytest.raises(ValueError, match=r"'models/model.pt' of bundle .* links to something outside its folder"):
        like_spec(str(root), "auto", CUBE)
    assert like_spec(str(root), str(outside), CUBE)[2] == Path(outside)


@pytest.mark.parametrize("shape", [(40, 40, 40), (31, 64, 200), (90, 33, 64)])
@pytest.mark.parametrize("overlap", [0.0, 0.25, 0.5])
def test_windows_are_counted_as_monai_takes_them(shape, overlap):
    taken = []

    def network(window):
        taken.append(len(window))
        return window

    SlidingWindowInferer((32, 32, 32), overlap=overlap)(torch.zeros(1, 1, *shape), network)
    assert count_windows(shape, (32, 32, 32), overlap) == sum(taken)
