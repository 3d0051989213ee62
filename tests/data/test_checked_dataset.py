"""A data set that checks its cases, whoever holds it."""

import copy
import json
import pickle
import shutil
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from monai.data import DataLoader, MetaTensor
from monai.transforms import Compose, EnsureChannelFirstd, LoadImaged, Orientationd, Spacingd

from monai_attn.data import CaseDataset, CheckedDataset, EnsureCased, InputNameLayout, find_cases, prepare_training
from monai_attn.networks import NetworkShape

SHAPE = NetworkShape(spatial_dims=3, in_channels=1, out_channels=3)
KEYS = ["image", "label"]


def loading(*others, keys=KEYS):
    reader = "monai_attn.data.VolumeReader"
    return Compose([LoadImaged(keys, reader=reader), EnsureChannelFirstd(keys), EnsureCased(keys), *others])


def shift(path: Path) -> None:
    image = nib.load(path)
    affine = image.affine.copy()
    affine[0, 3] += 7.5
    nib.save(nib.Nifti1Image(np.asarray(image.dataobj), affine), path)


@pytest.fixture
def cases(make_dataset) -> list[dict[str, str]]:
    """As programs make them that know nothing of ours: no names."""
    root = make_dataset(count=4)
    return [{"image": case["image"], "label": case["label"]} for case in find_cases(root, labelled=True)]


def test_nothing_is_read_before_the_first_item_is_asked_for(cases):
    dataset = CheckedDataset([{**case, "image": "absent.nii.gz"} for case in cases], loading(), SHAPE)
    assert len(dataset) == 4
    with pytest.raises(FileNotFoundError, match=r"case 'absent' lacks 'absent\.nii\.gz'"):
        dataset[0]


ASKING = [lambda d: d.prepare(), lambda d: d[3], lambda d: next(iter(DataLoader(d, num_workers=1)))]


@pytest.mark.parametrize("ask", ASKING)
def test_a_label_off_its_image_is_refused_by_whoever_asks(cases, ask):
    shift(Path(cases[1]["label"]))
    with pytest.raises(ValueError, match=r"label '.*case_1.nii.gz' lies elsewhere than its image"):
        ask(CheckedDataset(cases, loading(), SHAPE))


def test_cases_get_their_names_and_are_cached_once_each(cases):
    dataset = CheckedDataset(cases, loading(), SHAPE, repeats=3)
    assert [item["case"] for item in dataset] == [f"case_{k}" for k in range(4)] * 3
    assert dataset.cache_num == 4
    assert dataset[0]["image"].shape == (1, 30, 41, 27)


def test_other_cases_are_checked_again(cases):
    dataset = CheckedDataset(cases[:2], loading(), SHAPE)
    dataset.prepare()
    shift(Path(cases[3]["label"]))
    dataset.set_data(cases[2:])
    with pytest.raises(ValueError, match="case_3"):
        dataset.prepare()


def test_workers_load_without_a_cache_of_their_own(cases):
    dataset = CheckedDataset(cases, loading(), SHAPE)
    names = [name for batch in DataLoader(dataset, num_workers=2) for name in batch["case"]]
    assert names == [f"case_{k}" for k in range(4)]
    assert not dataset.is_prepared


def test_names_of_classes_must_fit_the_network(cases):
    dataset = CheckedDataset(cases, loading(), SHAPE, class_names=["one"])
    with pytest.raises(ValueError, match=r"class_names=\['one'\] are 1, but .*out_channels=3 needs 2"):
        dataset.prepare()


def test_what_shows_across_both_sides_stops_a_training(cases):
    sides = [CheckedDataset(some, loading(), SHAPE) for some in (cases[:3], [{**cases[0], "case": "again"}])]
    with pytest.raises(ValueError, match=r"has the same content as case .* fold 1"):
        prepare_training(*sides, fold=1)
    sides[1].set_data(cases[3:])
    prepare_training(*sides)
    assert all(side.is_prepared for side in sides)


def test_a_data_set_of_another_kind_is_left_to_its_owner():
    prepare_training([1, 2], [3])
    prepare_training(None, None)


@pytest.mark.parametrize(
    "beside", ["scan.nii.gz", Path("scan"), 7, None, [1, 2], {3}, {"site": "A"}, np.eye(2)], ids=repr
)
def test_what_stands_beside_an_image_is_not_metadata(cases, beside):
    image = nib.load(cases[0]["image"])
    nib.save(nib.Nifti1Image(np.asarray(image.dataobj), np.diag([2.0, 2, 2, 1])), cases[0]["image"])
    steps = loading(Orientationd("image", "RAS", labels=None), Spacingd("image", (3.0, 3.0, 3.0)), keys=["image"])
    item = steps({"image": cases[0]["image"], "image_note": copy.copy(beside), "image_meta_dict": {}})
    assert item["case"] == "case_0"
    assert item["image"].pixdim.tolist() == [3, 3, 3]
    np.testing.assert_equal(item["image_note"], beside)
    assert item["image_meta_dict"]["filename_or_obj"] == cases[0]["image"]  # MONAI's own, which it keeps up
    again = pickle.loads(pickle.dumps(item))  # noqa: S301 (our own), as on the way from a worker
    np.testing.assert_equal(Spacingd("image", (4.0, 4.0, 4.0))(again)["image_note"], beside)


def test_an_image_in_memory_has_no_file_to_be_named_after():
    item = EnsureCased("image")({"image": MetaTensor(np.zeros((1, 4, 4, 4)))})
    assert item["case"] == "image"


def test_images_to_segment_must_be_there_and_not_where_results_go(cases, tmp_path):
    steps = loading(keys=["image"])
    folder = Path(cases[0]["image"]).parent
    with pytest.raises(FileNotFoundError, match=r"dataset_dir='.*absent' does not exist"):
        CaseDataset([], steps, SHAPE, tmp_path / "absent").prepare()
    far = folder.parents[1] / "far"
    far.mkdir()
    listed = json.dumps({"training": [{"image": "imagesTr/case_0.nii.gz", "label": "../far/gone.nii.gz"}]})
    (folder.parent / "dataset.json").write_text(listed)
    for out in (folder, folder.parent / "labelsTr", far):
        dataset = CaseDataset(cases, steps, SHAPE, folder.parent, InputNameLayout(out))
        with pytest.raises(ValueError, match=r"output_dir='.*' holds images or labels"):
            dataset.prepare()
    CaseDataset(cases, steps, SHAPE, folder.parent, InputNameLayout(tmp_path / "out")).prepare()


@pytest.mark.parametrize("content", ["not JSON", "[1]", '{"training": [7]}', '{"training": 5, "test": [{}]}', "listed"])
def test_a_list_that_is_none_of_the_images_business_is_left_alone(cases, tmp_path, monkeypatch, caplog, content):
    stranger = tmp_path / "elsewhere"
    stranger.mkdir()
    monkeypatch.chdir(stranger)  # the folder that is taken where a program gives images alone
    listed = {"training": [{"image": "gone.nii.gz", "label": "gone_too.nii.gz"}]}
    Path("dataset.json").write_text(json.dumps(listed) if content == "listed" else content)
    shutil.copytree(Path(cases[0]["label"]).parent, "labelsTr")
    CaseDataset(cases, loading(keys=["image"]), SHAPE, layout=InputNameLayout("out")).prepare()
    assert caplog.text == ""
    with pytest.raises(ValueError, match="holds images or labels"):
        CaseDataset(cases, loading(keys=["image"]), SHAPE, layout=InputNameLayout("labelsTr")).prepare()
