"""A bundle as a client of a federation: ``monai.fl.client.MonaiAlgo`` with its default configurations."""

import shutil
from pathlib import Path

import nibabel as nib
import pytest
from conftest import SHIPPED, Bundle, save_nifti
from ignite.engine import Events
from monai.fl.client import MonaiAlgo
from monai.fl.utils.constants import ExtraItems, ModelType
from monai.fl.utils.exchange_object import ExchangeObject
from parts import plain, refusal, same, set_aside, weights

pytestmark = pytest.mark.filterwarnings("ignore:executing the bundle config:UserWarning")  # MONAI's security notice


def client(bundle: Bundle, dataset: Path | None = None) -> MonaiAlgo:
    """Build a client as a federation's server does: only the data are named, or lie in the bundle."""
    data = {} if dataset is None else {"dataset_dir": str(dataset)}
    algo = MonaiAlgo(str(bundle.root), send_weight_diff=False, train_kwargs=data, eval_kwargs=dict(data))
    algo.initialize({ExtraItems.CLIENT_NAME: "site"})
    return algo


def stored(algo: MonaiAlgo, kind: ModelType) -> dict:
    return algo.get_weights({ExtraItems.MODEL_TYPE: kind}).weights


def test_two_rounds(bundle, bundle_data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shipped = weights(bundle.root / "models" / "model.pt")
    algo = client(bundle, bundle_data(count=6))
    rates: list[float] = []
    optimizer = algo.trainer.optimizer
    algo.trainer.add_event_handler(Events.ITERATION_STARTED, lambda: rates.append(optimizer.param_groups[0]["lr"]))

    rounds = []
    for number in (1, 2):
        start = {key: value.clone() for key, value in algo.get_weights().weights.items()}
        rates.clear()
        algo.train(ExchangeObject(weights=start))
        assert algo.trainer.state.epoch == number
        assert rates, "the round made no step"
        assert min(rates) > 0
        rounds.append({key: value.clone() for key, value in algo.get_weights().weights.items()})
        assert not same(rounds[-1], start)
        assert same(stored(algo, ModelType.FINAL_MODEL), rounds[-1])
        assert any(same(stored(algo, ModelType.BEST_MODEL), reached) for reached in rounds)

    assert not same(stored(algo, ModelType.BEST_MODEL), shipped)
    aside = set_aside(bundle.root)
    assert len(aside) == 1, "the second round sets nothing of the first aside"
    assert same(weights(aside[0]), shipped)

    metrics = algo.evaluate(ExchangeObject(weights=stored(algo, ModelType.BEST_MODEL))).metrics
    assert 0 <= metrics["val_mean_dice"] <= 1
    algo.finalize()


def test_the_server_s_weights_are_what_is_trained_and_evaluated(tmp_path, make_dataset):
    """The second round starts from what the server sends, not from a file of the first."""
    bundle = Bundle(Path(shutil.copytree(SHIPPED[-1].root, tmp_path / "client")))
    make_dataset(count=4).rename(bundle.root / "data")
    algo = client(bundle)
    algo.train(ExchangeObject(weights=algo.get_weights().weights))
    sent = {key: value * 0 for key, value in algo.get_weights().weights.items()}
    seen: list[bool] = []
    algo.trainer.add_event_handler(
        Events.ITERATION_STARTED(once=algo.trainer.state.iteration + 1),
        lambda engine: seen.append(same(engine.network.state_dict(), sent)),
    )
    algo.train(ExchangeObject(weights=sent))
    assert seen == [True]


def test_a_label_off_its_image_is_refused_in_the_same_words_everywhere(tmp_path, make_dataset, command):
    bundle = Bundle(Path(shutil.copytree(SHIPPED[-1].root, tmp_path / "client")))
    dataset = make_dataset(count=4)
    path = dataset / "labelsTr" / "case_2.nii.gz"
    label = nib.load(path)
    affine = label.affine.copy()
    affine[0, 3] += 7.5
    save_nifti(path, label.get_fdata().astype("uint8"), affine)

    algo = client(bundle, dataset)
    with pytest.raises(Exception) as federated:
        algo.train(ExchangeObject(weights=algo.get_weights().weights))
    words = refusal(federated.value)
    assert "case_2" in words
    assert "7.5 mm" in words

    with pytest.raises(Exception) as python:
        bundle.run("train", dataset_dir=str(dataset), max_epochs=1)
    assert refusal(python.value) == words

    arguments = ["--config_file", bundle.configs("train")[0], "--bundle_root", str(bundle.root)]
    shell = command("monai.bundle", "run", *arguments, "--dataset_dir", str(dataset), "--max_epochs", "1")
    assert shell.returncode == 1
    assert words in plain(shell.stderr)
    assert not set_aside(bundle.root)
    assert same(weights(bundle.root / "models" / "model.pt"), weights(SHIPPED[-1].root / "models" / "model.pt"))
