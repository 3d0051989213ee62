"""Run every workflow of every bundle on small generated NIfTI files."""

import re

import damage as d
import nibabel as nib
import numpy as np
import pytest
from conftest import read_rows, save_nifti

from monai_attn import data


def test_train_evaluate_and_infer(bundle, bundle_data, tmp_path, monkeypatch, capsys):
    dataset, out = bundle_data(count=6), tmp_path / "out"
    monkeypatch.chdir(tmp_path)
    bundle.run("train", dataset_dir="dataset", output_dir="out", max_epochs=2, val_interval=1)
    files = sorted(re.sub(r"-[0-9a-f]{8}", "", path.name) for path in out.iterdir())
    assert files == ["checkpoint_epoch0001.pt", "checkpoint_epoch0002.pt", "model.pt", "model_final.pt"]
    assert sorted(p.name for p in bundle.root.iterdir()) == ["LICENSE", "bundle.json", "configs", "docs", "models"]
    log = capsys.readouterr().out
    assert len(re.findall(r"Epoch\[\d\] Metrics -- train_loss: \d", log)) == 2
    assert len(re.findall(r"Epoch\[\d\] Metrics -- val_mean_dice: \d", log)) == 2
    assert len(re.findall(r"Dice over 2 cases: \w+ \S+, .*mean \d", log)) == 2

    weights = {"ckpt_path": str(out / "model.pt")}
    bundle.run("evaluate", dataset_dir=str(dataset), output_dir="scores", **weights)
    rows = read_rows(tmp_path / "scores" / "dice_per_case.csv")
    assert [row["case"] for row in rows] == [f"case_{i}" for i in range(6)]
    classes = read_rows(tmp_path / "scores" / "dice_per_class.csv")
    assert [row["class"] for row in classes] == [*bundle.classes, "mean"]
    for row in classes[:-1]:
        scores = [float(r[row["class"]]) for r in rows]
        assert float(row["mean"]) == pytest.approx(np.mean(scores), abs=1e-4)
    for name in ("hd95", "surface_dice"):
        assert len(read_rows(tmp_path / "scores" / f"{name}_per_case.csv")) == 6

    bundle.run("train", "evaluate", dataset_dir=str(dataset), output_dir="overlay", fold=1, **weights)
    held_back = data.split_cases(data.find_cases(dataset, labelled=True), dataset, fold=1)[1]
    assert [r["case"] for r in read_rows(tmp_path / "overlay" / "dice_per_case.csv")] == [c["case"] for c in held_back]

    bundle.run("inference", dataset_dir=str(dataset), output_dir="labels", **weights)
    images = sorted((dataset / "imagesTr").iterdir())
    assert sorted(p.name for p in (tmp_path / "labels").iterdir()) == [p.name for p in images]
    for image, row in zip(images, rows, strict=True):  # the files hold what evaluation scored
        predicted = np.asarray(nib.load(tmp_path / "labels" / image.name).dataobj)
        reference = np.asarray(nib.load(dataset / "labelsTr" / image.name).dataobj)
        for value, name in enumerate(list(row)[1:-1], start=1):
            a, b = predicted == value, reference == value
            assert 2 * (a & b).sum() / (a.sum() + b.sum()) == pytest.approx(float(row[name]), abs=1e-4)


@pytest.mark.parametrize(
    ("axes", "name"),
    [
        (np.diag([1.0, 1.0, 1.0]), "plain.nii.gz"),
        (np.diag([-1.0, 1.0, -2.5]), "flipped.nii"),
        (d.rotation(12) @ np.diag([0.8, 0.8, 1.7]), "oblique [1] ü.nii.gz"),
        (np.array([[0, 0, 1.2], [-1, 0, 0], [0, -0.9, 0]]), "coronal.nii.gz"),
    ],
)
def test_labels_lie_where_their_images_lie(bundle, axes, name, tmp_path):
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = axes, (-31.5, 20.25, 7)
    shape = (31, 37, 23)  # for a network in 2D a stack
    image = np.random.default_rng(0).normal(500, 100, shape).astype(np.int16)
    save_nifti(tmp_path / "in put" / name, image, affine)
    bundle.run("inference", dataset_dir=str(tmp_path / "in put"), output_dir=str(tmp_path / "out"))
    labels = nib.load(tmp_path / "out" / name)
    assert labels.shape == image.shape
    np.testing.assert_allclose(labels.affine, affine, atol=1e-5)
    assert labels.get_data_dtype() == np.uint8
    assert set(np.unique(labels.dataobj)) <= set(range(bundle.num_classes))


@pytest.mark.parametrize("shape", [(40, 31, 1), (35, 6, 20), (12, 13, 14, 1), (3, 3, 3)])
def test_labels_have_their_images_shape_axes_of_one_included(bundle, shape, tmp_path):
    image = nib.Nifti1Image(np.random.default_rng(0).normal(0, 1, shape).astype(np.float32), np.diag([2.0, 2, 3, 1]))
    image.set_sform(image.affine, code=4)
    image.set_qform(image.affine, code=1)
    (tmp_path / "in").mkdir()
    nib.save(image, tmp_path / "in" / "a.nii")
    if bundle.spatial_dims == 3 and 1 in shape[:3]:
        pytest.skip("a slice, which a bundle for volumes refuses")
    bundle.run("inference", dataset_dir=str(tmp_path / "in"), output_dir=str(tmp_path / "out"))
    labels = nib.load(tmp_path / "out" / "a.nii")
    assert labels.shape == shape
    assert (labels.header["sform_code"], labels.header["qform_code"]) == (4, 1)
    assert labels.header.get_zooms() == image.header.get_zooms()


def test_nifti2_stays_nifti2(bundle, tmp_path, capfd):
    (tmp_path / "in").mkdir()
    image = np.random.default_rng(0).normal(0, 1, (20, 21, 22)).astype(np.float32)
    nib.save(nib.Nifti2Image(image, np.eye(4)), tmp_path / "in" / "a.nii")
    bundle.run("inference", dataset_dir=str(tmp_path / "in"), output_dir=str(tmp_path / "out"))
    assert isinstance(nib.load(tmp_path / "out" / "a.nii"), nib.Nifti2Image)
    assert "sizeof_hdr" not in "".join(capfd.readouterr())


@pytest.mark.parametrize(
    ("name", "arrives"), [("2024", 2024), ("scan,2", ("scan", 2)), ("[site]", ["site"])], ids=lambda name: str(name)
)
def test_names_that_monais_command_line_makes_something_else_of(
    bundle, bundle_data, tmp_path, monkeypatch, name, arrives
):
    if bundle.spatial_dims == 3 and bundle.num_classes > 3:
        pytest.skip("two bundles are enough")
    bundle_data(name=name)
    monkeypatch.chdir(tmp_path)
    bundle.run("inference", dataset_dir=arrives, output_dir=[7])
    assert (tmp_path / "[7]" / "case_0.nii.gz").is_file()
    bundle.run("train", dataset_dir=arrives, output_dir=("run", 4), max_epochs=1)
    assert (tmp_path / "run,4" / "model.pt").is_file()
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["a copy", "[7]", "run,4", name])


def test_images_of_any_orientation_get_the_same_labels(bundle, bundle_data, tmp_path):
    """The same voxels, stored along other axes, must be the same anatomy."""
    if bundle.spatial_dims == 2:
        pytest.skip("a slice is segmented as it is stored")
    path = bundle_data(count=1) / "imagesTr" / "case_0.nii.gz"
    image = nib.load(path)
    turned = image.as_reoriented(nib.orientations.axcodes2ornt(("P", "I", "R")))
    nib.save(turned, path.with_name("turned.nii.gz"))
    bundle.run("inference", dataset_dir=str(path.parents[1]), output_dir=str(tmp_path / "out"))
    plain = nib.load(tmp_path / "out" / "case_0.nii.gz")
    back = nib.as_closest_canonical(nib.load(tmp_path / "out" / "turned.nii.gz"))
    np.testing.assert_array_equal(np.asarray(plain.dataobj), np.asarray(back.dataobj))


def test_the_shipped_weights_reach_what_the_card_says(shipped, shared_data, tmp_path):
    card = shipped.metadata["eval_metrics"]
    dataset = shared_data / DATA[shipped.name]
    shipped.run("evaluate", dataset_dir=str(dataset), output_dir=str(tmp_path), fold=0)
    classes = {row["class"]: float(row["mean"]) for row in read_rows(tmp_path / "dice_per_class.csv")}
    assert classes == pytest.approx({name.removeprefix("dice_"): value for name, value in card.items()}, abs=2e-3)


DATA = {
    "cardiac_mri_attn_segmentation_2d": "SunnybrookLV_2d",
    "headneck_ct_attn_segmentation": "HeadNeckCT",
    "hippocampus_mri_attn_segmentation": "Task04_Hippocampus",
}
