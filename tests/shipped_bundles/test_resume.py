"""A training that was interrupted and resumed ends as if it had run through."""

import re
import shutil
import signal

import numpy as np
import pytest
import torch
from conftest import save_nifti
from ignite.engine import Events
from trainings import assert_equal, interrupt, last_state, root, workflow

from monai_attn.errors import root_cause


@pytest.mark.parametrize("workers", [0, 2])
def test_a_resumed_training_equals_the_uninterrupted_one_bit_for_bit(small, slices, tmp_path, workers):
    workflow(small, slices, tmp_path / "whole", num_workers=workers).run()
    out = tmp_path / "torn"
    interrupt(
        workflow(small, slices, out, num_workers=workers), Events.ITERATION_STARTED(once=1 + 2), signal.SIGINT
    )  # in the second epoch
    assert max(out.glob("checkpoint_*")).name.startswith("checkpoint_epoch0001")
    interrupt(workflow(small, slices, out, "resume", num_workers=workers), Events.EPOCH_STARTED(once=4))
    workflow(small, slices, out, "resume", num_workers=workers).run()
    assert_equal(last_state(tmp_path / "whole"), last_state(out))
    for name in ("model.pt", "model_final.pt"):
        assert_equal(*(torch.load(folder / name, weights_only=True) for folder in (tmp_path / "whole", out)))


def test_two_trainings_are_equal_and_another_seed_is_another_one(small, slices, tmp_path):
    for name, seed in (("one", 0), ("two", 0), ("three", 1)):
        workflow(small, slices, tmp_path / name, max_epochs=2, seed=seed).run()
    states = [last_state(tmp_path / name) for name in ("one", "two", "three")]
    assert_equal(states[0], states[1])
    weights = next(name for name in states[0]["model"] if name.endswith("conv.weight"))
    assert not torch.equal(states[0]["model"][weights], states[2]["model"][weights])


def test_a_signal_before_the_first_epoch_ended_leaves_something_to_resume(small, slices, tmp_path):
    workflow(small, slices, tmp_path / "whole", max_epochs=1).run()
    out = tmp_path / "torn"
    interrupt(workflow(small, slices, out, max_epochs=1), Events.ITERATION_STARTED(once=1))
    assert [path.name[:20] for path in out.iterdir()] == ["checkpoint_epoch0000"]
    workflow(small, slices, out, "resume", max_epochs=1).run()
    assert_equal(last_state(tmp_path / "whole"), last_state(out))


def test_a_worse_network_does_not_replace_the_best(small, slices, tmp_path):
    out = tmp_path / "out"
    workflow(small, slices, out, max_epochs=1).run()
    state = last_state(out)
    before = (out / "model.pt").read_bytes()
    again = workflow(small, slices, out, "resume", max_epochs=2, learning_rate=30.0)
    again.run()
    assert (out / "model.pt").read_bytes() == before
    assert last_state(out)["best_of_evaluator"] == state["best_of_evaluator"]


def test_a_finished_training_says_so_and_more_epochs_go_on(small, slices, tmp_path, capsys):
    out = tmp_path / "out"
    workflow(small, slices, out, max_epochs=2).run()
    files = {path.name: path.stat().st_mtime_ns for path in out.iterdir()}
    capsys.readouterr()
    workflow(small, slices, out, "resume", max_epochs=2).run()
    assert "the training is complete: max_epochs=2" in capsys.readouterr().out
    assert {path.name: path.stat().st_mtime_ns for path in out.iterdir()} == files
    final = (out / "model_final.pt").rename(tmp_path / "final.pt")  # as if it had been killed just before
    workflow(small, slices, out, "resume", max_epochs=2).run()
    assert (out / "model_final.pt").read_bytes() == final.read_bytes()

    moved = shutil.copytree(slices, tmp_path / "elsewhere" / "slices")
    more = workflow(small, moved, out, "resume", max_epochs=4)
    more.run()
    rate = last_state(out)["optimizer"]["param_groups"][0]["lr"]
    assert last_state(out)["epoch"] == 4
    assert rate == 0.0  # the schedule reaches its end with the new last epoch
    schedule = more.parser.get_parsed_content("lr_scheduler")
    assert schedule.total_iters == 4


def test_a_longer_schedule_starts_where_it_would_be(small, slices, tmp_path):
    out = tmp_path / "out"
    workflow(small, slices, out, max_epochs=2).run()
    longer = workflow(small, slices, out, "resume", max_epochs=8)
    interrupt(longer, Events.ITERATION_STARTED(once=5))
    rate = longer.parser.get_parsed_content("optimizer").param_groups[0]["lr"]
    assert rate == pytest.approx(0.003 * (1 - 2 / 8) ** 0.9)


def test_changed_classes_are_refused(small, slices, tmp_path):
    out = tmp_path / "out"
    workflow(small, slices, out, max_epochs=1).run()
    with pytest.raises(RuntimeError) as caught:
        workflow(small, slices, out, "resume", class_names=["myocardium"]).run()
    cause = root(caught.value)
    assert isinstance(cause, ValueError)
    assert "class_names=['myocardium'] are not those of" in str(cause)
    assert "start anew with `pretrained`" in str(cause)


def test_another_network_is_refused_with_the_first_difference(small, slices, tmp_path):
    out = tmp_path / "out"
    workflow(small, slices, out, max_epochs=1).run()
    with pytest.raises(RuntimeError) as caught:
        workflow(small, slices, out, "resume", **{"network_def::channels": [8, 16, 32, 64]}).run()
    assert re.search(
        r"another network or optimizer \(size mismatch for .*\): set network_def", str(root_cause(caught.value))
    )


def test_changed_data_are_refused(small, slices, tmp_path):
    out = tmp_path / "out"
    workflow(small, slices, out, max_epochs=1).run()
    with pytest.raises(RuntimeError) as caught:
        workflow(small, slices, out, "resume", fold=1).run()
    assert "changed sides since" in str(root(caught.value))
    changed = slices / "imagesTr" / "case_3.nii.gz"
    save_nifti(changed, np.random.default_rng(1).normal(0, 1, (40, 40)).astype(np.float32))
    with pytest.raises(RuntimeError) as caught:
        workflow(small, slices, out, "resume").run()
    assert "case 'case_3' changed since" in str(root(caught.value))


def test_another_batch_size_makes_epochs_of_another_length(small, slices, tmp_path, capsys):
    out = tmp_path / "out"
    workflow(small, slices, out, max_epochs=1).run()
    before = last_state(out)["iteration"]
    workflow(small, slices, out, "resume", max_epochs=2, batch_size=1).run()
    state = last_state(out)
    assert (before, state["iteration"]) == (2, 14)
    log = capsys.readouterr().out
    assert "batch_size=1, until the checkpoint it was 3" in log
    assert "an epoch now has 7 iterations" in log


def test_a_damaged_last_checkpoint_falls_back_to_the_one_before(small, slices, tmp_path, capsys):
    out = tmp_path / "out"
    workflow(small, slices, out).run()
    whole = last_state(out)
    newest = max(out.glob("checkpoint_epoch*.pt"))
    newest.write_bytes(newest.read_bytes()[:5000])
    workflow(small, slices, out, "resume").run()
    assert f"'{newest}' is damaged" in capsys.readouterr().out
    assert_equal(whole, last_state(out))
    assert (out / "earlier_training" / newest.name).stat().st_size == 5000
    for path in out.glob("checkpoint_epoch*.pt"):
        path.write_bytes(b"")
    with pytest.raises(RuntimeError) as caught:
        workflow(small, slices, out, "resume", max_epochs=9).run()
    assert "all 2 checkpoints" in str(root(caught.value))


def test_nothing_to_resume_is_said(small, slices, tmp_path):
    with pytest.raises(RuntimeError) as caught:
        workflow(small, slices, tmp_path / "none", "resume").run()
    assert "has no checkpoint_epoch*.pt to resume from: pass the `output_dir` of" in str(root(caught.value))
    assert not (tmp_path / "none").exists()


def test_a_new_training_sets_the_earlier_one_aside(small, slices, tmp_path):
    out = tmp_path / "out"
    workflow(small, slices, out, max_epochs=2).run()
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    workflow(small, slices, out, max_epochs=1, seed=1).run()
    assert {path.name: path.read_bytes() for path in (out / "earlier_training").iterdir()} == before
    assert last_state(out)["epoch"] == 1
    second = (out / "model.pt").read_bytes()
    workflow(small, slices, out, max_epochs=1, seed=2).run()
    assert (out / "earlier_training" / "model.pt").read_bytes() == before["model.pt"]
    assert (out / "earlier_training_2" / "model.pt").read_bytes() == second
