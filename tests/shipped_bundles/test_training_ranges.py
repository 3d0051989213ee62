"""What trained a bundle's weights is known to whoever uses them."""

import json
import shutil

import nibabel as nib
import numpy as np
import pytest

from monai_attn.data import TrainingRanges, check, image_digest, measure_ranges
from monai_attn.networks import read_training_note
from tests.conftest import Bundle, save_nifti


def test_shipped_weights_and_metadata_say_the_same(shipped):
    note = read_training_note(shipped.root / "models" / "model.pt")
    ranges = TrainingRanges.from_note(note)
    assert ranges is not None
    assert len(set(ranges.images)) == ranges.cases
    del note["images"]
    assert shipped.metadata["training_ranges"] == note
    assert len(shipped.metadata["expected_input"]) > 30


DATA = {
    "cardiac_mri_attn_segmentation_2d": "SunnybrookLV_2d",
    "headneck_ct_attn_segmentation": "HeadNeckCT",
    "hippocampus_mri_attn_segmentation": "Task04_Hippocampus",
}


def test_shipped_ranges_are_those_of_the_training_cases(shared_data, shipped):
    root = shared_data / DATA[shipped.name]
    held_back = set(json.loads((root / "folds.json").read_text())["validation"]["0"])
    facts = [facts for facts in check(root, progress=False).cases if facts.case not in held_back]
    expected = measure_ranges(facts, shipped.spatial_dims, shipped.num_classes)
    assert TrainingRanges.from_note(read_training_note(shipped.root / "models" / "model.pt")) == expected


@pytest.fixture
def trained(small, slices, tmp_path) -> Bundle:
    """A copy of a bundle, trained in place for a moment on the fold 0 of nine slices."""
    bundle = Bundle(shutil.copytree(small.root, tmp_path / "trained"))
    names = [f"case_{index}" for index in range(9)]
    (slices / "folds.json").write_text(json.dumps({"validation": {"0": names[:2], "1": names[2:]}}))
    bundle.run("train", dataset_dir=str(slices), max_epochs=1, device="cpu")
    return bundle


def test_a_training_run_writes_its_cases_into_the_weights(trained, slices, tmp_path, capfd):
    for name in ("model.pt", "model_final.pt"):
        ranges = TrainingRanges.from_note(read_training_note(trained.root / "models" / name))
        assert ranges.cases == 7
        assert ranges.field_of_view_mm == ((40.0, 40.0), (40.0, 40.0))
    facts = {facts.case: facts for facts in check(slices, progress=False).cases}
    assert sorted(ranges.images) == sorted(image_digest(facts[f"case_{index}"]) for index in range(2, 9))
    trained.run("evaluate", dataset_dir=str(slices), output_dir=str(tmp_path / "all"), device="cpu")
    assert "7 of 9 case(s) trained these weights ('case_2', 'case_3'" in capfd.readouterr().out
    trained.run("evaluate", dataset_dir=str(slices), output_dir=str(tmp_path / "held"), device="cpu", fold=0)
    assert "none of the 2 case(s) trained these weights" in capfd.readouterr().out


def test_the_same_image_stored_in_another_way_is_recognised(trained, slices, tmp_path, capfd):
    other = tmp_path / "other"
    for kind in ("imagesTr", "labelsTr"):
        image = nib.load(slices / kind / "case_5.nii.gz")
        values = np.asarray(image.dataobj).astype(np.float64 if kind == "imagesTr" else np.int16)
        save_nifti(other / kind / "renamed.nii", values, image.affine)
    trained.run("evaluate", dataset_dir=str(other), output_dir=str(tmp_path / "scores"), device="cpu")
    assert "1 of 1 case(s) trained these weights ('renamed')" in capfd.readouterr().out


def test_weights_without_a_note_are_said_to_have_none(small, slices, tmp_path, capfd):
    import torch

    path = tmp_path / "bare.pt"
    torch.save(dict(torch.load(small.root / "models" / "model.pt", weights_only=True)), path)
    options = {"dataset_dir": str(slices), "device": "cpu", "ckpt_path": str(path)}
    small.run("evaluate", output_dir=str(tmp_path / "scores"), **options)
    assert "do not say which images trained them" in capfd.readouterr().out


def test_inference_names_an_image_unlike_the_training_images(small, tmp_path, capfd):
    save_nifti(tmp_path / "in" / "huge.nii.gz", np.random.default_rng(0).normal(0, 1, (700, 300)).astype(np.float32))
    save_nifti(tmp_path / "in" / "usual.nii.gz", np.random.default_rng(0).normal(0, 1, (256, 256)).astype(np.float32))
    small.run("inference", dataset_dir=str(tmp_path / "in"), output_dir=str(tmp_path / "out"), device="cpu")
    (warning,) = [line for line in capfd.readouterr().out.splitlines() if "WARNING" in line]
    assert "case 'huge': its field of view is 700 x 300 mm, in training 256 x 256" in warning
