"""From a folder of images to a bundle that trains, evaluates and segments."""

import json
import shutil

import nibabel as nib
import numpy as np
import pytest
from monai.bundle import ConfigParser

from monai_attn.bundle import bundle_dir, lint, plan
from monai_attn.networks import load_weights
from tests.conftest import Bundle, save_nifti

BRIEF = 0.0005  # hours


def run_all(bundle: Bundle, tmp_path, new_images) -> dict[str, np.ndarray]:
    """Train two epochs as written, evaluate, and segment; the results by name."""
    bundle.run("train", max_epochs=2, val_interval=1)
    assert (bundle.root / "models" / "model.pt").is_file()
    bundle.run("evaluate", output_dir=str(tmp_path / "scores"), fold=0)
    assert (tmp_path / "scores" / "dice_per_case.csv").is_file()
    bundle.run("inference", dataset_dir=str(new_images), output_dir=str(tmp_path / "out"))
    return {path.name: nib.load(path) for path in sorted((tmp_path / "out").iterdir())}


def test_anisotropic_oblique_four_channels_int16_with_slope_and_float_labels(tmp_path):
    rng = np.random.default_rng(0)
    turn = np.deg2rad(20)
    affine = np.diag([1.0, 1.0, 4.0, 1.0]) @ np.array(
        [[np.cos(turn), -np.sin(turn), 0, 5], [np.sin(turn), np.cos(turn), 0, -7], [0, 0, 1, 3], [0, 0, 0, 1]]
    )
    data, new = tmp_path / "my data", tmp_path / "new"
    for index in range(5):
        shape = (40 + index, 36, 9)
        label = np.zeros(shape, np.float32)
        label[10:24, 12:24, 2:7] = 1.0
        for channel in ("FLAIR", "T1", "T1POST", "T2"):
            image = nib.Nifti1Image((1000 * label + rng.normal(0, 50, shape)).astype(np.int16), affine)
            image.header.set_slope_inter(0.5, -3)
            for folder in (data / "images", *([new] if index == 0 else [])):
                folder.mkdir(parents=True, exist_ok=True)
                nib.save(image, folder / f"patient{index}_{channel}.nii.gz")
        save_nifti(data / "labels" / f"patient{index}.nii.gz", label, affine)
    result = plan(data, "lesions", tmp_path, hours=BRIEF, progress=False)
    network = result.spec["common"]["network_def"]
    assert (network["in_channels"], network["out_channels"]) == (4, 2)
    assert network["stem_strides"] == [2, 2, 1]
    assert result.spec["common"]["channel_names"] == ["FLAIR", "T1", "T1POST", "T2"]
    outputs = run_all(Bundle(result.bundle_root), tmp_path, new)
    assert list(outputs) == ["patient0.nii.gz"]
    assert outputs["patient0.nii.gz"].shape == (40, 36, 9)
    assert np.allclose(outputs["patient0.nii.gz"].affine, affine, atol=1e-4)


def test_slices_with_patients(tmp_path):
    data = tmp_path / "slices"
    rng = np.random.default_rng(0)
    rows = ["id,patient"]
    for index in range(6):
        label = np.zeros((64, 48), np.uint8)
        label[20:40, 10:30] = 1
        save_nifti(
            data / "imagesTr" / f"s{index}.nii.gz", (label * 50 + rng.normal(0, 5, label.shape)).astype(np.int16)
        )
        save_nifti(data / "labelsTr" / f"s{index}.nii.gz", label)
        rows.append(f"s{index},p{index // 2}")
    (data / "cases.csv").write_text("\n".join(rows))
    result = plan(data, "slices_2d", tmp_path, hours=BRIEF, progress=False)
    assert result.spec["common"]["network_def"]["spatial_dims"] == 2
    assert any("by patient" in reason for reason in result.reasons)
    outputs = run_all(Bundle(result.bundle_root), tmp_path, data / "imagesTr")
    assert len(outputs) == 6
    assert outputs["s0.nii.gz"].shape == (64, 48)


@pytest.fixture
def volumes(make_dataset):
    """Five cases of two classes, named like a left and a right organ."""
    root = make_dataset(5)
    labels = {"0": "background", "1": "Left Lobe", "2": "Right Lobe"}
    (root / "dataset.json").write_text(json.dumps({"labels": labels, "modality": {"0": "MRI"}}))
    return root


def test_the_written_bundle_is_complete_and_says_why(volumes, tmp_path):
    result = plan(volumes, "lobes", tmp_path / "bundles", hours=BRIEF, progress=False)
    root = result.bundle_root
    card = (root / "docs" / "README.md").read_text()
    for reason in result.reasons:
        assert reason in card
    assert "left_lobe" in card
    train = json.loads((root / "configs" / "train.json").read_text())
    assert train["left_right_pairs"] == [[1, 2]]
    assert train["max_epochs"] == result.schedule.max_epochs
    assert "/" + str(tmp_path).strip("/") not in (root / "bundle.json").read_text()  # no absolute path
    assert not Bundle(root).configs("missing")[0].startswith("~")


def test_bundle_and_data_may_move_together(volumes, tmp_path):
    place = tmp_path / "place"
    place.mkdir()
    shutil.move(volumes, place / "data")
    plan(place / "data", "lobes", place, hours=BRIEF, progress=False)
    shutil.move(place, tmp_path / "another place")
    bundle = Bundle(tmp_path / "another place" / "lobes")
    bundle.run("train", max_epochs=1)
    assert (bundle.root / "models" / "model.pt").is_file()


def test_like_a_bundle_keeps_its_weights_but_the_head(volumes, tmp_path):
    (volumes / "dataset.json").unlink()
    for path in (volumes / "labelsTr").iterdir():
        label = np.asarray(nib.load(path).dataobj)
        save_nifti(path, (label > 0).astype(np.uint8))
    result = plan(volumes, "whole", tmp_path, like="hippocampus_mri_attn_segmentation", hours=BRIEF, progress=False)
    shipped = json.loads((bundle_dir("hippocampus_mri_attn_segmentation") / "bundle.json").read_text())
    assert result.spec["common"]["network_def"] == shipped["common"]["network_def"] | {"out_channels": 2}
    assert result.spec["common"]["image_transforms"] == shipped["common"]["image_transforms"]
    train = json.loads((result.bundle_root / "configs" / "train.json").read_text())
    assert train["run"][0]["skip_head"]
    assert train["freeze_encoder_epochs"] == 0  # nothing to spare in so few epochs
    network = ConfigParser(train).get_parsed_content("network_def")
    assert lint(result.bundle_root) == []
    assert (result.bundle_root / "pretrained" / "model.pt.sha256").is_file()
    copied = load_weights(network, result.bundle_root / "pretrained" / "model.pt", skip_head=True).copied
    assert len(copied) > 20
    bundle = Bundle(result.bundle_root)
    before = {name: tensor.clone() for name, tensor in network.encoder.state_dict().items()}
    bundle.run("train", max_epochs=1, freeze_encoder_epochs=1)
    load_weights(network, bundle.root / "models" / "model_final.pt")
    for name, tensor in network.encoder.state_dict().items():  # frozen for the one epoch
        assert tensor.equal(before[name]), name


def test_like_a_bundle_with_the_same_classes_keeps_all(volumes, tmp_path):
    labels = {"0": "background", "1": "Anterior", "2": "Posterior"}
    (volumes / "dataset.json").write_text(json.dumps({"labels": labels}))
    result = plan(volumes, "same", tmp_path, like="hippocampus_mri_attn_segmentation", hours=BRIEF, progress=False)
    train = result.spec["train"]
    assert not {"run", "freeze_encoder_epochs"} & set(train)  # all fits as it is
    scratch = plan(volumes, "scratch", tmp_path, str(result.bundle_root), "none", hours=BRIEF, progress=False)
    assert not {"pretrained", "run"} & set(scratch.spec["train"])  # nothing of the other's start is left
    assert not (scratch.bundle_root / "pretrained").exists()


def test_evaluation_deals_the_folds_of_the_training(make_dataset, tmp_path):
    data = make_dataset(6)
    for folder in ("imagesTr", "labelsTr"):
        for index in range(6):
            (data / folder / f"case_{index}.nii.gz").rename(data / folder / f"p{index // 2}_{index}.nii.gz")
    result = plan(data, "by_patient", tmp_path, hours=BRIEF, fold=1, patient_regex="^p[0-9]+", progress=False)
    held = {}
    for name in ("train", "evaluate"):
        parser = ConfigParser(ConfigParser.load_config_file(Bundle(result.bundle_root).configs(name)[0]))
        parser.update({"bundle_root": str(result.bundle_root), "fold": 1})
        cases = parser.get_parsed_content("split")[1] if name == "train" else parser.get_parsed_content("dataset::data")
        held[name] = {case["case"] for case in cases}
    assert held["train"] == held["evaluate"]
    assert len({name[:2] for name in held["train"]}) == 1
    card = (result.bundle_root / "docs" / "README.md").read_text()
    assert "--fold 1" in card
    assert "--patient_regex '^p[0-9]+'" in card


def test_places_and_weights_with_signs_that_mean_something_in_a_config(volumes, tmp_path):
    place = tmp_path / "user@host 50% [x] it's"
    place.mkdir()
    shutil.move(volumes, place / "data")
    weights = shutil.copyfile(
        bundle_dir("hippocampus_mri_attn_segmentation") / "models" / "model.pt", place / "bob's @.pt"
    )
    like = "hippocampus_mri_attn_segmentation"
    result = plan(place / "data", "odd", tmp_path, like=like, weights=weights, hours=BRIEF, progress=False)
    Bundle(result.bundle_root).run("train", max_epochs=1)
    assert (result.bundle_root / "models" / "model.pt").is_file()


def test_a_failure_leaves_nothing_behind(volumes, tmp_path, monkeypatch):
    def fail(*_args, **_options):
        raise OSError("disk full")

    monkeypatch.setitem(plan.__globals__, "write_card", fail)
    with pytest.raises(OSError, match="disk full"):
        plan(volumes, "new", tmp_path / "out", hours=BRIEF, progress=False)
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"name": "a/b"}, ["name='a/b'", "letters"]),
        ({"hours": 0}, ["hours=0", "above 0"]),
        ({"weights": "some.pt"}, ["weights='some.pt'", "--like"]),
        ({"like": "nothing"}, ["bundle 'nothing' is not shipped", "hippocampus_mri_attn_segmentation"]),
        ({"like": "cardiac_mri_attn_segmentation_2d"}, ["is 2D, but the data are 3D"]),
        ({"like": "hippocampus_mri_attn_segmentation", "weights": "no.pt"}, ["weights='no.pt' does not exist", "auto"]),
        ({"memory_gb": 0.0001}, ["memory_gb=0.0001", "pass more"]),
        ({"device": "nonsense"}, ["device='nonsense'", "--device cpu"]),
        ({"fold": 7}, ["fold=7"]),
        ({"modality": "PET"}, ["modality='PET'"]),
    ],
)
def test_what_cannot_be_is_said_in_one_line_and_nothing_is_written(volumes, tmp_path, arguments, words):
    arguments = {"name": "new", "hours": BRIEF, "progress": False} | arguments
    with pytest.raises((ValueError, OSError)) as error:
        plan(volumes, output_dir=tmp_path, **arguments)
    for word in words:
        assert word in str(error.value)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "new").exists()


def test_command(volumes, tmp_path, command):
    done = command("monai_attn", "plan", str(volumes), "--name", "lobes", "--hours", str(BRIEF), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "spacing" in done.stdout
    assert (tmp_path / "lobes" / "configs" / "train.json").is_file()
    again = command("monai_attn", "plan", str(volumes), "--name", "lobes", cwd=tmp_path)
    assert again.returncode == 1
    assert "exists already" in again.stderr.splitlines()[-1]
