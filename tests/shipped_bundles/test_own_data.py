"""A bundle on data as people have them: other formats, channels by name, headers that disagree."""

import logging

import damage as d
import nibabel as nib
import numpy as np
import pytest
import torch
from conftest import save_nifti
from monai.transforms import Compose
from trainings import HIPPOCAMPUS, parser, start

from monai_attn.data import TrustImageHeaderd, find_cases


def test_inference_on_nrrd_and_mgz_gives_what_nifti_gives(tmp_path, make_dataset):
    image = np.asarray(nib.load(make_dataset(count=1) / "imagesTr" / "case_0.nii.gz").dataobj)
    for name in ("a.nrrd", "b.mgz", "c.nii.gz"):
        d.save_volume(tmp_path / "in" / name, image)
    HIPPOCAMPUS.run("inference", dataset_dir=str(tmp_path / "in"), output_dir=str(tmp_path / "out"), device="cpu")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.nii.gz", "b.nii.gz", "c.nii.gz"]
    results = [nib.load(tmp_path / "out" / f"{name}.nii.gz") for name in "abc"]
    for result in results:
        assert result.shape == image.shape
        np.testing.assert_allclose(result.affine, d.AFFINE, atol=1e-5)
        np.testing.assert_array_equal(np.asarray(result.dataobj), np.asarray(results[2].dataobj))
    assert result.get_data_dtype() == np.uint8


@pytest.mark.parametrize("ending", [".nrrd", ".mgz"])
def test_training_data_of_such_files_pass_and_load(tmp_path, ending):
    for k in range(5):
        for folder, array in zip(("images", "labels"), d.arrays(k), strict=True):
            d.save_volume(tmp_path / folder / f"case_{k}{ending}", array)
    start(tmp_path)
    config = parser("train", tmp_path)
    item = config.get_parsed_content("validate::preprocessing")(config.get_parsed_content("split::cases")[0])
    assert item["image"].shape == item["label"].shape
    assert item["label"].unique().tolist() == [0, 1, 2]


@pytest.mark.parametrize("name", ["train", "evaluate", "inference"])
def test_channels_by_their_names_with_and_without_labels(tmp_path, name):
    for k in range(3):
        for channel in ("T1", "T2"):
            save_nifti(tmp_path / "images" / f"patient {k}_{channel}.nii.gz", d.arrays(k)[0])
        save_nifti(tmp_path / "labels" / f"patient {k}.nii.gz", d.arrays(k)[1])
    if name == "inference":
        for path in (tmp_path / "labels").iterdir():
            path.unlink()
    config = parser(name, tmp_path, channel_names=["T2", "T1"])
    config["network_def"]["in_channels"] = 2
    where = {"train": "split::cases", "evaluate": "dataset::data::cases", "inference": "cases"}
    cases = config.get_parsed_content(where[name])
    assert [case["case"] for case in cases] == ["patient 0", "patient 1", "patient 2"]
    assert cases[1]["image"] == [str(tmp_path / "images" / f"patient 1_{channel}.nii.gz") for channel in ("T2", "T1")]
    assert all(("label" in case) == (name != "inference") for case in cases)


def test_new_channels_beside_a_list_are_found_by_name(tmp_path):
    for channel in ("T1", "T2"):
        save_nifti(tmp_path / "imagesTs" / f"new_{channel}.nii.gz", d.arrays(0)[0])
    listed = '{"training": [{"image": ["imagesTs/gone_T1.nii.gz"], "label": "gone.nii.gz"}]}'
    (tmp_path / "dataset.json").write_text(listed)
    config = parser("inference", tmp_path, channel_names=["T1", "T2"])
    config["network_def"]["in_channels"] = 2
    assert [case["case"] for case in config.get_parsed_content("cases")] == ["new"]


def test_trusting_the_image_header_is_a_switch_of_training_and_evaluation(tmp_path):
    root = d.dataset(tmp_path)
    for k in range(6):
        d.move(d.label(root, f"case_{k}"), d.moved(40) @ np.diag([-1, 1, 1, 1]))
    with pytest.raises(ValueError, match=r"lies elsewhere .*`trust_image_header`"):
        start(root)
    start(root, trust_image_header=True)
    case = parser("train", root).get_parsed_content("split::cases")[0]
    plain, trusting = (
        parser("train", root, trust_image_header=trust).get_parsed_content("validate::preprocessing")(case)["label"]
        for trust in (False, True)
    )
    assert torch.equal(trusting[0].int(), torch.as_tensor(d.arrays(0)[1]).int())
    assert torch.equal(plain[0].int(), torch.as_tensor(d.arrays(0)[1][::-1].copy()).int())  # turned to RAS by itself
    evaluation = parser("evaluate", root, output_dir=str(tmp_path / "out"), trust_image_header=True)
    evaluation.get_parsed_content("dataset").prepare()
    assert len(evaluation.get_parsed_content("loading")) == 6
    assert len(parser("evaluate", root).get_parsed_content("loading")) == 5


@pytest.mark.parametrize("spoil", [d.almost_whole, d.slope], ids=["0.9999", "scl_slope 1/41"])
def test_labels_a_little_below_whole_numbers_are_the_classes(tmp_path, spoil):
    """MONAI cuts fractions off, which makes a class of 0.9999 background; the check lets such a label pass."""
    root = d.dataset(tmp_path)
    spoil(d.label(root, "case_0"))
    values = d.values(d.label(root, "case_0"))
    assert 0 < values[values > 0].min() < 1
    start(root)
    loaded = [
        parser("train", root).get_parsed_content("validate::preprocessing"),
        parser("evaluate", root).get_parsed_content("preprocessing"),
    ]
    for preprocessing in loaded:
        label = preprocessing(find_cases(root, labelled=True)[0])["label"]
        assert torch.equal(label[0].long(), torch.as_tensor(d.arrays(0)[1]).long())


def test_the_transform_refuses_another_shape(tmp_path):
    root = d.dataset(tmp_path, count=1)
    d.edit(d.label(root, "case_0"), lambda v: v[1:])
    config = parser("train", root, trust_image_header=True)
    loading = config.get_parsed_content("train::loading")
    item = Compose(loading[:3])(config.get_parsed_content("split::cases")[0])
    with pytest.raises(ValueError, match=r"label has the shape \(11, 14, 10\), but image \(12, .*: resample it"):
        TrustImageHeaderd("label")(item)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (
            lambda r: save_nifti(d.image(r, "case_0"), d.arrays(2)[0]),
            r"case_2.* has the same content as case 'case_0', in training and in validation of fold 1: remove",
        ),
        (
            lambda r: [d.edit(d.label(r, f"case_{k}"), lambda v: v * 0) for k in range(6)],
            r"all labels are empty: check that they are the right files",
        ),
        (
            lambda r: [d.move(p(r), np.diag([300, 300, 300, 1.0])) for p in (d.image, d.label)],
            r"case_2.* resampled to 1 x 1 x 1 mm takes 1270 GB of .*: crop it",
        ),
        (
            lambda r: d.write_patients(r, {f"case_{k}": f"p{k // 2}" for k in range(6)}),
            r"patient 'p0' is in training and in validation of fold=1: write folds that keep",
        ),
    ],
    ids=["same content", "all empty", "memory", "patient"],
)
def test_training_does_not_start_on_what_shows_across_cases(tmp_path, spoil, message):
    root = d.dataset(tmp_path)
    d.write_folds(root, fold0=["case_0"], fold1=["case_1", "case_2"])
    start(root, fold=1)
    (root / "out").rmdir()
    spoil(root)
    with pytest.raises(ValueError, match=message) as caught:
        start(root, fold=1)
    assert "\n" not in str(caught.value)
    assert not (root / "out").exists()


def test_one_line_for_many_errors_and_the_command_that_lists_them(tmp_path):
    root = d.dataset(tmp_path / "my data")
    for name in ("case_1", "case_3", "case_4"):
        d.edit(d.image(root, name), lambda v: v * np.inf)
    command = r"monai-attn check '.*/my data'"
    with pytest.raises(ValueError, match=rf"case_1\.nii\.gz' has 1680 voxel.* \(and 2 more: {command} lists them\)$"):
        start(root)


def test_warnings_are_logged_once_with_the_number_of_cases(tmp_path, caplog):
    root = d.dataset(tmp_path, count=16)
    for k in range(7):
        d.edit(d.label(root, f"case_{k}"), lambda v: v * 0)
    with caplog.at_level(logging.WARNING, logger="monai_attn.data"):
        start(root)
    messages = [record.getMessage() for record in caplog.records if record.name.startswith("monai_attn.data")]
    assert sum("in 7 cases, e.g. 'case_0', " in text and "is empty: check that this" in text for text in messages) == 1
    assert sum("was not checked (no cases.csv" in text for text in messages) == 1
    assert len(messages) == 3  # and that there are no folds
