"""What a person sees at the terminal: one line with the cause and the cure, status 1, and nothing written."""

import json

import nibabel as nib
import numpy as np
import pytest
import torch
from conftest import BUNDLES, save_nifti

from monai_attn import AttentionGatedUNet

BUNDLE = BUNDLES / "hippocampus_mri_attn_segmentation"


def missing_folder(root, _make):
    return "inference", root / "nowhere", {}, ["nowhere' does not exist", "--dataset_dir"]


def empty_folder(root, _make):
    (root / "empty").mkdir()
    return "inference", root / "empty", {}, ["empty' holds no case", "--dataset_dir"]


def empty_training_folder(root, _make):
    (root / "empty").mkdir()
    return "train", root / "empty", {}, ["empty' holds no case", "labelsTr/"]


def image_without_label(root, make):
    (make() / "labelsTr" / "case_1.nii.gz").unlink()
    return "train", root / "dataset", {}, ["case_1.nii.gz' has no label", "add '"]


def wrong_channel_count(root, _make):
    save_nifti(root / "rgb" / "two.nii.gz", np.zeros((20, 20, 20, 2), np.float32))
    return "inference", root / "rgb", {}, ["two.nii.gz'", "2 channels", "takes 1"]


def other_checkpoint(root, make):
    network = AttentionGatedUNet(3, 1, 3, channels=[8, 16], strides=[2])
    torch.save(network.state_dict(), root / "other.pt")
    options = {"ckpt_path": str(root / "other.pt")}
    return "evaluate", make(), options, ["other.pt' belong to another architecture", "--ckpt_path"]


def unknown_fold(root, make):
    (make() / "folds.json").write_text(json.dumps({"validation": {"0": ["case_0"]}}))
    return "train", root / "dataset", {"fold": "4"}, ["fold=4", "use one of 0"]


def wrong_network_argument(root, make):
    return "inference", make(), {"network_def::strides": "[2,2]"}, ["strides=[2, 2]", "4 levels", "add 1"]


def truncated_image(root, make):
    path = make() / "imagesTr" / "case_1.nii.gz"
    path.write_bytes(path.read_bytes()[:20000])
    return "evaluate", root / "dataset", {}, ["case_1.nii.gz' has damaged or missing voxels", "replace the file"]


def label_out_of_range(root, make):
    path = make() / "labelsTr" / "case_1.nii.gz"
    save_nifti(path, np.full((30, 41, 27), 5, np.uint8))
    return "train", root / "dataset", {}, ["case_1.nii.gz' has the values [5]", "0 to 2"]


def absent_device(root, make):
    return "inference", make(), {"device": "cuda:99"}, ["device='cuda:99' cannot be used", "--device cpu"]


def misspelt_override(root, make):
    return "train", make(), {"max_epoch": "1"}, ["override 'max_epoch' is unknown", "did you mean 'max_epochs'?"]


def misspelt_leaf(root, make):
    options = {"train::dataset::cache_rat": "0.5"}
    return "train", make(), options, ["'train::dataset::cache_rat'", "did you mean 'train::dataset::cache_rate'?"]


def misspelt_network_argument(root, make):
    return "inference", make(), {"network_def::dropot": "0.1"}, ["did you mean 'network_def::dropout'?"]


def overlay_alone(root, make):
    return "finetune", make(), {}, ["finetune.json' goes over train.json, but has nothing under it", "train.json','"]


def overlay_on_the_wrong_file(root, make):
    return ("inference", "finetune"), make(), {}, ["goes over train.json, but comes after a config of 'inference'"]


def overlay_before_its_base(root, make):
    return ("finetune", "train"), make(), {}, ["finetune.json' goes over train.json", "pass --config_file"]


def several_processes_without_torchrun(root, make):
    return ("train", "multi_gpu_train"), make(), {}, ["start it with torchrun"]


def other_number_of_classes(root, make):
    options = {"network_def::out_channels": "4", "class_names": "['a','b','c']"}
    parts = ["model.pt' have another number of classes", "(3, 16, 1, 1, 1), not (4, 16", "--pretrained", "--skip_head"]
    return ("train", "finetune"), make(), options, parts


def a_listed_file_that_is_missing(root, make):
    make()
    entries = [{"image": f"imagesTr/case_{k}.nii.gz", "label": f"labelsTr/case_{k}.nii.gz"} for k in range(4)]
    entries[2]["label"] = "labelsTr/gone.nii.gz"
    (root / "dataset" / "dataset.json").write_text(json.dumps({"training": entries}))
    return "train", root / "dataset", {}, ["case 'case_2' lacks", "gone.nii.gz': add that file"]


def labels_as_output(root, make):
    return "inference", make(), {"output_dir": str(root / "dataset" / "labelsTr")}, ["holds images or labels"]


def names_and_number_of_classes(root, make):
    return "train", make(), {"class_names": "['one']"}, ["class_names=['one'] are 1", "out_channels=3 needs 2"]


def misspelt_patient_column(root, make):
    (make() / "cases.csv").write_text("id,patient\n" + "".join(f"case_{k},p{k}\n" for k in range(4)))
    return "train", root / "dataset", {"patient_column": "patiant"}, ["patient_column='patiant'", "has 'id', 'patient'"]


def absent_weights_to_start_from(root, make):
    return ("train", "finetune"), make(), {"pretrained": "nowhere.pt"}, ["nowhere.pt' do not exist", "--pretrained"]


def one_checkpoint_for_an_ensemble(root, make):
    return ("inference", "inference_ensemble"), make(), {"ckpt_path": "k.pt"}, ["ckpt_path='k.pt'", "--ckpt_paths"]


FAULTS = (
    labels_as_output,
    names_and_number_of_classes,
    misspelt_patient_column,
    absent_weights_to_start_from,
    one_checkpoint_for_an_ensemble,
    misspelt_override,
    misspelt_leaf,
    misspelt_network_argument,
    overlay_alone,
    overlay_on_the_wrong_file,
    overlay_before_its_base,
    several_processes_without_torchrun,
    other_number_of_classes,
    a_listed_file_that_is_missing,
    missing_folder,
    empty_folder,
    empty_training_folder,
    image_without_label,
    wrong_channel_count,
    other_checkpoint,
    unknown_fold,
    wrong_network_argument,
    truncated_image,
    label_out_of_range,
    absent_device,
)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda f: f.__name__)
def test_one_line_and_nothing_written(fault, command, make_dataset, tmp_path):
    config, dataset, options, parts = fault(tmp_path, make_dataset)
    overrides = {"bundle_root": str(BUNDLE), "dataset_dir": str(dataset), "output_dir": str(tmp_path / "out")} | options
    arguments = [word for key, value in overrides.items() for word in (f"--{key}", value)]
    names = [str(BUNDLE / "configs" / f"{name}.json") for name in ([config] if isinstance(config, str) else config)]
    files = names[0] if len(names) == 1 else str(names)
    done = command("monai.bundle", "run", "--config_file", files, *arguments)
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith("error: ")
    assert all(part in last for part in parts), last
    assert "Traceback" not in done.stderr + done.stdout
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("config", ["train", "inference"])
def test_started_from_elsewhere_without_bundle_root(config, command, make_dataset):
    arguments = ["--config_file", str(BUNDLE / "configs" / f"{config}.json"), "--dataset_dir", str(make_dataset())]
    done = command("monai.bundle", "run", *arguments)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("error: bundle_root='.'")
    assert "pass --bundle_root" in done.stderr


def test_from_inside_the_bundle_no_root_is_needed(command, make_dataset, tmp_path):
    paths = ["--dataset_dir", str(make_dataset(count=1)), "--output_dir", str(tmp_path / "out"), "--device", "cpu"]
    done = command("monai.bundle", "run", "--config_file", "configs/inference.json", *paths, cwd=BUNDLE)
    assert done.returncode == 0, done.stderr
    assert nib.load(tmp_path / "out" / "case_0.nii.gz").shape == (30, 41, 27)
    assert "label maps written: 1" in done.stdout
    assert "inference: [1/1] 100%" in done.stderr  # the progress bar
