"""The promise to MONAI Label and MONAI Deploy, kept in every run of the suite by replaying what they do."""

import nibabel as nib
import numpy as np
import pytest
from conftest import save_nifti
from parts import cases, largest_change, refusal, same, set_aside, weights
from replay import deploy_inference, label_inference, label_training


@pytest.fixture
def segmented(bundle, bundle_data, tmp_path):
    """An image that needs turning and resampling, and the labels that the bundle's own command gives it."""
    source = nib.load(bundle_data(count=1) / "imagesTr" / "case_0.nii.gz")
    affine = np.diag([-0.9, 1.1, 1.0, 1.0])
    affine[:3, 3] = (12, -30.5, 4)
    image = save_nifti(tmp_path / "in" / "scan.nii.gz", source.get_fdata(dtype=np.float32), affine)
    bundle.run("inference", dataset_dir=str(image.parent), output_dir=str(tmp_path / "out"))
    return image, np.asarray(nib.load(tmp_path / "out" / "scan.nii.gz").dataobj)


def test_label_segments_a_file(bundle, segmented):
    image, expected = segmented
    item = label_inference(bundle, str(image))
    np.testing.assert_array_equal(np.squeeze(item["pred"].numpy(), 0).reshape(expected.shape), expected)
    np.testing.assert_allclose(np.asarray(item["pred_meta_dict"]["affine"]), nib.load(image).affine, atol=1e-6)
    assert item["image_path"] == str(image), "the writer takes the result's format from it"


def test_label_segments_an_array(bundle, bundle_data):
    """The voxels of a file on the network's own grid, given as an array with the channel last."""
    image = bundle_data(count=1) / "imagesTr" / "case_0.nii.gz"
    from_file = label_inference(bundle, str(image))["pred"].numpy()
    voxels = nib.load(image).get_fdata(dtype=np.float32)[..., None]
    np.testing.assert_array_equal(label_inference(bundle, voxels)["pred"].numpy(), from_file)


def test_label_scores_with_dropout(bundle, segmented):
    image, expected = segmented
    first, second = (label_inference(bundle, str(image), scoring=True) for _ in range(2))
    assert np.squeeze(first["pred"].numpy(), 0).reshape(expected.shape).shape == expected.shape
    assert (first["logits"] != second["logits"]).any(), "dropout is on"


def test_label_trains(bundle, bundle_data, tmp_path, monkeypatch):
    """Two trainings in a row, each on top of the weights before it, and the shipped ones kept."""
    monkeypatch.chdir(tmp_path)
    items, best = cases(bundle_data(count=6)), bundle.root / "models" / "model.pt"
    history = [weights(best)]
    for _ in range(2):
        label_training(bundle, items[:4], items[4:], epochs=1)
        history.append(weights(best))
        assert 0 < largest_change(history[-1], history[-2]) < 0.2, "the training starts from the weights before it"
    aside = [weights(path) for path in set_aside(bundle.root)]
    for earlier in history[:2]:
        assert any(same(earlier, kept) for kept in aside)
    assert not (tmp_path / "models").exists()
    label_inference(bundle, items[0]["image"])


def test_label_trains_without_validation(bundle, bundle_data):
    items, best = cases(bundle_data()), bundle.root / "models" / "model.pt"
    shipped = weights(best)
    label_training(bundle, items, [], epochs=1)
    assert not same(weights(best), shipped)


def test_label_s_data_are_checked(bundle, bundle_data):
    """No `dataset_dir` is given, and still a label off its image is found before the first step."""
    items = cases(bundle_data())
    label = nib.load(items[2]["label"])
    affine = label.affine.copy()
    affine[0, 3] += 7.5
    save_nifti(bundle.root.parent / "moved.nii.gz", np.asarray(label.dataobj), affine)
    items[2]["label"] = str(bundle.root.parent / "moved.nii.gz")
    shipped = weights(bundle.root / "models" / "model.pt")
    with pytest.raises(Exception) as error:
        label_training(bundle, items[:3], items[3:], epochs=1)
    assert "7.5 mm" in refusal(error.value)
    assert same(weights(bundle.root / "models" / "model.pt"), shipped)
    assert not set_aside(bundle.root)


def test_deploy_segments_a_volume(bundle, segmented, tmp_path, monkeypatch):
    """In memory, without a name, and nothing is written."""
    image, expected = segmented
    volume = nib.load(image)
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    labels = deploy_inference(bundle.root, volume.get_fdata(dtype=np.float32), volume.affine)
    np.testing.assert_array_equal(labels.reshape(expected.shape), expected)
    assert sorted(tmp_path.rglob("*")) == before
