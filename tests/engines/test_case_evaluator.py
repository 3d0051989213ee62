"""Evaluators that go on after a bad case, without a bundle."""

import pickle

import damage as d
import pytest
import torch
from conftest import save_nifti
from monai.data import DataLoader
from monai.engines import EnsembleEvaluator, SupervisedEvaluator
from monai.transforms import LoadImaged

from monai_attn.data import CaseDataset, SetAside, collate_cases, fault_text, find_cases
from monai_attn.engines import CaseEnsembleEvaluator, CaseEvaluator, CasesFailed, Outcome
from monai_attn.errors import root_cause
from monai_attn.networks import NetworkShape

SHAPE = NetworkShape(spatial_dims=3, in_channels=1, out_channels=2)


def evaluator(root, postprocessing=None, count=5, bad=(), batch_size=1, kind=CaseEvaluator):
    for index in range(count):
        path = save_nifti(root / f"case_{index}.nii.gz", d.arrays(index)[0])
        if index in bad:
            path.write_bytes(b"")
    dataset = CaseDataset(find_cases(root), LoadImaged("image", ensure_channel_first=True), SHAPE)
    loader = DataLoader(dataset, batch_size=batch_size, collate_fn=collate_cases)
    network = {"network": torch.nn.Identity()} if kind is CaseEvaluator else {"networks": [torch.nn.Identity()]}
    return kind(torch.device("cpu"), loader, postprocessing=postprocessing, results="maps", output_dir=root, **network)


def test_they_are_monais():
    assert issubclass(CaseEvaluator, SupervisedEvaluator)
    assert issubclass(CaseEnsembleEvaluator, EnsembleEvaluator)


@pytest.mark.parametrize("kind", [CaseEvaluator, CaseEnsembleEvaluator])
@pytest.mark.parametrize("batch_size", [1, 2, 5])
def test_the_rest_of_a_batch_is_done(tmp_path, kind, batch_size):
    done = []

    def save(item):
        done.append(item["case"])
        return item

    one = evaluator(tmp_path, save, bad=(1, 4), batch_size=batch_size, kind=kind)
    with pytest.raises(CasesFailed, match=r"^2 of 5 cases failed: 'case_1' .*; maps of the other 3 are in") as failed:
        one.run()
    assert done == ["case_0", "case_2", "case_3"]
    assert [fault.case for fault in failed.value.failures] == ["case_1", "case_4"]
    assert failed.value.__notes__ == failed.value.lines


def test_a_device_that_is_lost_ends_the_run(tmp_path):
    def lost(_):
        raise torch.AcceleratorError("CUDA error: device-side assert triggered")

    one = evaluator(tmp_path, lost)
    with pytest.raises(RuntimeError) as ended:
        one.run()
    assert "device-side assert" in str(root_cause(ended.value))
    assert one.outcome.failures == []


@pytest.mark.parametrize(
    "error",
    [
        MemoryError("Unable to allocate 9 GiB"),
        torch.OutOfMemoryError("CUDA out of memory. Tried"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes."),
        MemoryError(),
    ],
)
def test_memory_has_a_cure_of_its_own(error):
    assert "image 'a.nii' takes too much memory (" in fault_text(error, "a.nii")
    assert "lower `sw_batch_size`" in fault_text(error, "a.nii")


def test_a_fault_names_its_file_once_and_an_unforeseen_one_its_type():
    assert fault_text(ValueError("'a.nii' is\n odd: mend it"), "a.nii") == "'a.nii' is odd: mend it"
    assert fault_text(KeyError("k"), "a.nii").startswith("image 'a.nii' fails (KeyError: 'k'): fix or remove it")


def test_voxels_that_do_not_fit_into_memory_are_not_damaged(tmp_path, monkeypatch):
    one = evaluator(tmp_path, count=2)

    def large(*_, **__):
        raise MemoryError("Unable to allocate 90. GiB")

    monkeypatch.setattr("nibabel.arrayproxy.ArrayProxy.__array__", large)
    with pytest.raises(CasesFailed, match=r"case_0.nii.gz' takes too much memory"):
        one.run()


def test_cases_that_share_their_first_image_are_not_taken_for_one(tmp_path):
    path = str(save_nifti(tmp_path / "a.nii.gz", d.arrays(0)[0]))
    cases = [{"case": "one", "image": path}, {"case": "two", "image": path}]
    dataset = CaseDataset(cases, lambda case: case, SHAPE)
    assert dataset[0]["case"] == "one"
    assert "image of case 'one': list it once" in dataset[1].fault


def test_a_case_must_not_leave_the_folder(tmp_path):
    path = str(save_nifti(tmp_path / "a.nii.gz", d.arrays(0)[0]))
    assert "give it a name without folders" in CaseDataset([{"case": "../a", "image": path}], dict, SHAPE)[0].fault


def test_the_line_stays_short_and_travels():
    outcome = Outcome("label maps", "out", written=93)
    for index in range(7):
        outcome.add(SetAside(f"c{index}", f"c{index}.nii", f"'c{index}.nii' is odd: mend it"))
    outcome.add(SetAside("z", "z.nii"))
    with pytest.raises(CasesFailed) as failed:
        outcome.check()
    assert str(failed.value) == (
        "7 of 101 cases failed: 'c0' ('c0.nii' is odd: mend it), 'c1', 'c2', 'c3', 'c4' and 2 more (their reasons "
        "above); label maps of the other 94 are in 'out' (1 there already)"
    )
    assert failed.value.lines[6] == "case 'c6' failed: 'c6.nii' is odd: mend it"
    assert pickle.loads(pickle.dumps(outcome)) == outcome  # noqa: S301 (our own)
