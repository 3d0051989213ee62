"""What the model zoo's own tests do with a bundle: open each workflow, check its properties, override, run."""

import nibabel as nib
import pytest
from conftest import SHIPPED
from monai.bundle import ConfigWorkflow

WORKFLOWS = [
    ("train", ("train",)),
    ("train", ("train", "evaluate")),
    ("infer", ("inference",)),
]
each_workflow = pytest.mark.parametrize(("kind", "names"), WORKFLOWS, ids=["train", "train+evaluate", "inference"])


def opened(bundle, kind: str, names: tuple[str, ...], **overrides) -> ConfigWorkflow:
    """Open a workflow as the zoo's tests do, with the bundle's own metadata and logging."""
    configs = bundle.root / "configs"
    return ConfigWorkflow(
        workflow_type=kind,
        config_file=bundle.configs(*names) if len(names) > 1 else bundle.configs(*names)[0],
        meta_file=str(configs / "metadata.json"),
        logging_file=False,
        bundle_root=str(bundle.root),
        **overrides,
    )


@each_workflow
def test_properties_without_data(shipped, kind, names, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    workflow = opened(shipped, kind, names)
    workflow.initialize()
    assert workflow.check_properties() == []


@each_workflow
def test_properties_with_data(bundle, bundle_data, kind, names):
    workflow = opened(bundle, kind, names, dataset_dir=str(bundle_data()))
    workflow.initialize()
    assert workflow.check_properties() == []


def test_the_zoo_s_overrides_reach_every_workflow(bundle, bundle_data, tmp_path):
    dataset = str(bundle_data(count=6))
    training = opened(
        bundle,
        "train",
        ("train",),
        dataset_dir=dataset,
        **{"train#trainer#max_epochs": 1, "train#dataset#cache_rate": 0.0, "validate#dataset#cache_rate": 0.0},
    )
    training.initialize()
    training.run()
    training.finalize()
    assert training.trainer.state.epoch == 1
    assert (bundle.root / "models" / "model.pt").is_file()

    evaluation = opened(bundle, "train", ("train", "evaluate"), dataset_dir=dataset, output_dir=str(tmp_path / "e"))
    evaluation.initialize()
    evaluation.run()
    evaluation.finalize()
    assert (tmp_path / "e" / "dice_per_class.csv").is_file()


def test_the_window_can_be_overridden(bundle, bundle_data, tmp_path):
    dataset = bundle_data(count=1)
    window = [32] * bundle.spatial_dims
    overrides = {"dataset_dir": str(dataset), "output_dir": str(tmp_path / "out"), "inferer#roi_size": window}
    workflow = opened(bundle, "infer", ("inference",), **overrides)
    workflow.initialize()
    assert workflow.check_properties() == []
    assert list(workflow.inferer.roi_size) == window
    workflow.run()
    workflow.finalize()
    written = nib.load(tmp_path / "out" / "case_0.nii.gz")
    assert written.shape == nib.load(dataset / "imagesTr" / "case_0.nii.gz").shape


def test_the_window_can_be_overridden_at_the_command_line(tmp_path, make_dataset, command):
    configs = ["--config_file", SHIPPED[-1].configs("inference")[0], "--bundle_root", str(SHIPPED[-1].root)]
    places = ["--dataset_dir", str(make_dataset(count=1)), "--output_dir", str(tmp_path / "out")]
    done = command("monai.bundle", "run", *configs, *places, "--inferer#roi_size", "[32,32,32]")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "case_0.nii.gz").is_file()
