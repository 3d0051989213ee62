"""Run every overlay of every bundle on small generated NIfTI files."""

import os
import shutil
import subprocess
import sys

import nibabel as nib
import numpy as np
import pytest
import torch
from conftest import Bundle, read_rows, save_nifti


def label_map(path) -> np.ndarray:
    return np.asarray(nib.load(path).dataobj)


def test_finetuning_starts_from_the_shipped_weights(bundle, bundle_data, tmp_path, caplog):
    caplog.set_level("INFO")
    options = {
        "learning_rate": 0.0,
        "max_epochs": 1,
        "val_interval": 1,
    }  # without learning, what comes out is what went in
    bundle.run("train", "finetune", dataset_dir=str(bundle_data()), output_dir=str(tmp_path / "out"), **options)
    shipped = torch.load(bundle.root / "models" / "model.pt", weights_only=True)
    tuned = torch.load(tmp_path / "out" / "model.pt", weights_only=True)
    assert all(torch.equal(shipped[name], tuned[name]) for name in shipped)


def test_finetuning_in_place_starts_from_the_shipped_weights_each_time(small, slices, tmp_path, capfd):
    bundle = Bundle(shutil.copytree(small.root, tmp_path / "in place"))
    shipped = torch.load(bundle.root / "models" / "model.pt", weights_only=True)
    options = {"dataset_dir": str(slices), "max_epochs": 1, "device": "cpu"}
    bundle.run("train", "finetune", **options, learning_rate=0.01)
    learnt = torch.load(bundle.root / "models" / "model_final.pt", weights_only=True)
    assert any(not torch.equal(shipped[name], learnt[name]) for name in shipped)
    capfd.readouterr()
    bundle.run("train", "finetune", **options, learning_rate=0.0)
    again = torch.load(bundle.root / "models" / "model_final.pt", weights_only=True)
    assert all(torch.equal(shipped[name], again[name]) for name in shipped)
    (moved,) = [line for line in capfd.readouterr().out.splitlines() if "were there before" in line]
    assert "model.pt, model_final.pt in " in moved
    assert moved.endswith("earlier_training_2'")


def test_probabilities_are_float_sum_to_one_and_agree_with_the_labels(bundle, bundle_data, tmp_path):
    dataset = bundle_data(count=2)
    paths = {"dataset_dir": str(dataset), "output_dir": str(tmp_path / "out")}
    bundle.run("inference", **paths)
    bundle.run("inference", "inference_probabilities", **paths)
    for case in ("case_0", "case_1"):
        image = nib.load(dataset / "imagesTr" / f"{case}.nii.gz")
        maps = nib.load(tmp_path / "out" / f"{case}_probabilities.nii.gz")
        assert maps.get_data_dtype() == np.float32
        assert maps.shape == (*(*image.shape, 1)[:3], bundle.num_classes)
        np.testing.assert_allclose(maps.affine, image.affine)
        values = np.asarray(maps.dataobj)
        np.testing.assert_allclose(values.sum(-1), 1, atol=1e-5)
        if not np.any([bundle_config(bundle)["label_postprocessing"]]):
            labels = label_map(tmp_path / "out" / f"{case}.nii.gz")
            np.testing.assert_array_equal(values.argmax(-1).reshape(labels.shape), labels)


def bundle_config(bundle) -> dict:
    import json

    return json.loads((bundle.root / "configs" / "inference.json").read_text())


def test_an_ensemble_averages_its_members(bundle, bundle_data, tmp_path):
    dataset, models = bundle_data(count=1), bundle.root / "models"
    paths = {"dataset_dir": str(dataset)}
    overlays = ("inference", "inference_ensemble")
    bundle.run("inference", **paths, output_dir=str(tmp_path / "one"))
    one = label_map(tmp_path / "one" / "case_0.nii.gz")
    shipped = str(models / "model.pt")
    for number, options in enumerate(({}, {"ckpt_paths": shipped}, {"ckpt_paths": [shipped] * 2})):
        bundle.run(*overlays, **paths, output_dir=str(tmp_path / f"same {number}"), **options)
        np.testing.assert_array_equal(label_map(tmp_path / f"same {number}" / "case_0.nii.gz"), one)
    weights = torch.load(models / "model.pt", weights_only=True)
    head = next(name for name in weights if name.startswith("head.conv") and name.endswith("bias"))
    weights[head][-1] += 1e4  # a member that sees the last class everywhere, and outvotes the other one
    torch.save(weights, models / "model_final.pt")  # of the same training run as model.pt
    bundle.run(*overlays, **paths, output_dir=str(tmp_path / "without"))
    np.testing.assert_array_equal(label_map(tmp_path / "without" / "case_0.nii.gz"), one)
    (models / "model_final.pt").rename(models / "other.pt")
    bundle.run(*overlays, **paths, output_dir=str(tmp_path / "two"), label_postprocessing=[])
    assert (label_map(tmp_path / "two" / "case_0.nii.gz") == bundle.num_classes - 1).all()


def test_flips_are_off_by_default_and_change_the_result_when_on(bundle, bundle_data, tmp_path):
    paths = {"dataset_dir": str(bundle_data(count=1))}
    overlays = ("inference", "inference_probabilities")
    for name, options in (("plain", {}), ("off", {"tta": False}), ("on", {"tta": True})):
        bundle.run(*overlays, **paths, output_dir=str(tmp_path / name), **options)
    plain, off, on = (label_map(tmp_path / n / "case_0_probabilities.nii.gz") for n in ("plain", "off", "on"))
    np.testing.assert_array_equal(plain, off)
    assert np.abs(plain - on).max() > 0


def test_tensorboard_has_scalars_and_images(bundle, bundle_data, tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    options = {"max_epochs": 1, "dataset_dir": str(bundle_data()), "output_dir": str(tmp_path / "out")}
    bundle.run("train", "tracking_tensorboard", **options)
    events = EventAccumulator(str(tmp_path / "out" / "tensorboard")).Reload()
    assert {"train_loss", "val_mean_dice"} <= set(events.Tags()["scalars"])
    assert events.Tags()["images"]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # SQLAlchemy's, about what MLflow calls
def test_mlflow_has_the_run_its_parameters_metrics_and_the_best_weights(bundle, bundle_data, tmp_path, monkeypatch):
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.chdir(tmp_path)
    paths = {"dataset_dir": str(bundle_data()), "output_dir": "out"}
    bundle.run("train", "tracking_mlflow", **paths, max_epochs=2, val_interval=1)
    client = mlflow.MlflowClient(f"sqlite:///{tmp_path}/out/mlruns.db")
    experiment = client.get_experiment_by_name(bundle.name)
    (run,) = client.search_runs(experiment.experiment_id)
    assert run.data.params["max_epochs"] == "2"
    assert {"learning_rate", "batch_size", "patch_size", "fold", "seed"} <= set(run.data.params)
    for metric in ("train_loss", "val_mean_dice"):
        assert [point.step for point in client.get_metric_history(run.info.run_id, metric)] == [1, 2]
    assert [file.path for file in client.list_artifacts(run.info.run_id)] == ["model.pt"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a copy", "dataset", "out"]


def torchrun(bundle, *names: str, cwd, **overrides) -> str:
    files = (
        str(bundle.configs(*names)).replace(" ", "") if " " not in str(bundle.root) else repr(bundle.configs(*names))
    )
    words = [word for key, value in overrides.items() for word in (f"--{key}", str(value))]
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2", "-m"]
    command += ["monai.bundle", "run", "--config_file", files, "--bundle_root", str(bundle.root), *words]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout + done.stderr


def test_two_processes_score_what_one_does_and_train_on_every_case(bundle, bundle_data, tmp_path):
    if bundle.name != "hippocampus_mri_attn_segmentation":
        pytest.skip("the overlay is the same in every bundle")
    dataset = bundle_data(count=10)
    bundle.run("evaluate", dataset_dir=str(dataset), output_dir=str(tmp_path / "one"))
    paths = {"dataset_dir": str(dataset), "output_dir": str(tmp_path / "two")}
    torchrun(bundle, "evaluate", "multi_gpu_evaluate", cwd=tmp_path, **paths)
    for name in ("dice", "hd95", "surface_dice"):
        one = {row["case"]: row for row in read_rows(tmp_path / "one" / f"{name}_per_case.csv")}
        two = {row["case"]: row for row in read_rows(tmp_path / "two" / f"{name}_per_case.csv")}
        assert one == two
        assert read_rows(tmp_path / "one" / f"{name}_per_class.csv") == read_rows(
            tmp_path / "two" / f"{name}_per_class.csv"
        )
    paths["output_dir"] = str(tmp_path / "trained")
    log = torchrun(
        bundle, "train", "multi_gpu_train", cwd=tmp_path, **paths, max_epochs=2, val_interval=1, batch_size=1
    )
    assert log.count("Epoch[2] Metrics -- val_mean_dice") == 1  # one process speaks for both
    assert "training [2/2]: [4/4]" in log  # eight cases, four for each process
    weights = torch.load(tmp_path / "trained" / "model.pt", weights_only=True)
    assert not any(name.startswith("module.") for name in weights)
    bundle.run(
        "evaluate", **{**paths, "output_dir": str(tmp_path / "again")}, ckpt_path=str(tmp_path / "trained/model.pt")
    )


@pytest.mark.slow
def test_two_processes_resume_to_what_they_would_have_come_to(bundle, bundle_data, tmp_path):
    if bundle.spatial_dims == 3:
        pytest.skip("slices are enough")
    options = {"dataset_dir": bundle_data(count=10), "batch_size": 1}
    overlays = ("train", "multi_gpu_train")
    torchrun(bundle, *overlays, cwd=tmp_path, **options, output_dir=tmp_path / "whole", max_epochs=2)
    torchrun(bundle, *overlays, cwd=tmp_path, **options, output_dir=tmp_path / "torn", max_epochs=1)
    torchrun(bundle, *overlays, "resume", cwd=tmp_path, **options, output_dir=tmp_path / "torn", max_epochs=2)
    whole, torn = (torch.load(tmp_path / name / "model_final.pt", weights_only=True) for name in ("whole", "torn"))
    assert all(torch.equal(whole[name], torn[name]) for name in whole)


def test_a_stack_is_segmented_slice_by_slice(bundle, bundle_data, tmp_path):
    if bundle.spatial_dims == 3:
        pytest.skip("a network in 2D")
    slices = sorted((bundle_data(count=3) / "imagesTr").iterdir())
    stack = np.stack([np.asarray(nib.load(path).dataobj) for path in slices], axis=-1)
    save_nifti(tmp_path / "stack" / "stack.nii.gz", stack)
    save_nifti(tmp_path / "stack" / "single.nii.gz", stack[..., :1])
    bundle.run("inference", dataset_dir=str(slices[0].parents[1]), output_dir=str(tmp_path / "slices"))
    bundle.run("inference", dataset_dir=str(tmp_path / "stack"), output_dir=str(tmp_path / "stacked"))
    alone = np.stack([label_map(tmp_path / "slices" / path.name) for path in slices], axis=-1)
    assert alone.mean() > 0
    np.testing.assert_array_equal(label_map(tmp_path / "stacked" / "stack.nii.gz"), alone)
    np.testing.assert_array_equal(label_map(tmp_path / "stacked" / "single.nii.gz"), alone[..., :1])


def test_monai_label_can_change_the_dropout(bundle, bundle_data, tmp_path):
    overrides = {"network_def::dropout": 0.2}
    bundle.run("inference", dataset_dir=str(bundle_data(count=1)), output_dir=str(tmp_path / "out"), **overrides)
    assert (tmp_path / "out" / "case_0.nii.gz").is_file()
