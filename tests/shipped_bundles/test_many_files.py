"""Inference over a folder of many files: what is wrong with one of them does not stop the others."""

import errno
import os

import damage as d
import nibabel as nib
import numpy as np
import pytest
import torch
from conftest import BUNDLES, Bundle, save_nifti
from monai.bundle import ConfigParser, ConfigWorkflow
from monai.transforms import Invertd

from monai_attn.data import OutputError
from monai_attn.engines import CasesFailed
from monai_attn.errors import root_cause
from monai_attn.inferers import WindowInferer

BUNDLE = Bundle(BUNDLES / "hippocampus_mri_attn_segmentation")
WORKFLOWS = [("inference",), ("inference", "inference_probabilities"), ("inference", "inference_ensemble")]
OBLIQUE = d.turned(12) @ np.diag([0.8, 0.9, 1.7, 1])


def cut(path):
    path.write_bytes(path.read_bytes()[:2000])


def nan_voxel(path):
    d.edit(path, lambda array: np.where(np.arange(array.shape[2]) == 3, np.nan, array))


BAD = {  # what it is, how to make it, what is said of it
    "empty": (lambda path: path.write_bytes(b""), "it is empty, 0 bytes"),
    "cut": (cut, "damaged or missing voxels"),
    "html": (lambda path: path.write_text("<html>not found</html>"), "it is a web page): replace"),
    "rgb": (d.rgb, "not numbers: convert it"),
    "nowhere": (lambda path: d.patch_header(path, d.SROW_Y, np.nan), "singular or non-finite affine"),
    "channels": (lambda path: save_nifti(path, np.zeros((*d.SHAPE, 2), np.float32)), "2 channels, but the network"),
    "nan": (nan_voxel, "voxel(s) that are NaN or infinite: replace them"),
}


def make_cases(root, *bad, good=("good_0", "good_1")):
    for index, name in enumerate((*good, *bad)):
        path = save_nifti(root / f"{name}.nii.gz", d.arrays(index)[0], OBLIQUE)
        if name in BAD:
            BAD[name][0](path)
    return root


def run(root, out, *names, **options) -> None:
    try:
        BUNDLE.run(*(names or ("inference",)), dataset_dir=str(root), output_dir=str(out), device="cpu", **options)
    except RuntimeError as error:
        raise root_cause(error) from error


def results(out) -> list[str]:
    return sorted(path.name for path in out.iterdir())


def workflow(root, out, **options):
    paths = {"bundle_root": str(BUNDLE.root), "dataset_dir": str(root), "output_dir": str(out), "device": "cpu"}
    made = ConfigWorkflow(BUNDLE.configs("inference")[0], workflow_type="inference", logging_file=False, **paths)
    made.initialize()
    return made


@pytest.mark.parametrize(("names", "workers"), [*((names, 0) for names in WORKFLOWS), (WORKFLOWS[0], 2)])
def test_each_kind_of_bad_file_is_set_aside_and_all_others_are_done(tmp_path, names, workers):
    make_cases(tmp_path / "in", *BAD)
    with pytest.raises(CasesFailed) as failed:
        run(tmp_path / "in", tmp_path / "out", *names, num_workers=workers)
    ending = "_probabilities" if "inference_probabilities" in names else ""
    assert results(tmp_path / "out") == [f"{name}{ending}.nii.gz" for name in ("good_0", "good_1")]
    for name in results(tmp_path / "out"):
        np.testing.assert_allclose(nib.load(tmp_path / "out" / name).affine, OBLIQUE, atol=1e-6)
    said = {one.case: one.fault for one in failed.value.failures}
    assert list(said) == sorted(BAD)
    for name, (_, words) in BAD.items():
        assert f"{name}.nii.gz'" in said[name]
        assert words in said[name]
    maps = "probability maps" if ending else "label maps"
    assert str(failed.value).startswith("7 of 9 cases failed: 'channels' (image '")
    assert str(failed.value).endswith(f"{maps} of the other 2 are in '{tmp_path / 'out'}'")


def test_at_the_terminal_each_case_has_a_line_and_the_last_one_counts(tmp_path, command):
    make_cases(tmp_path / "in", "empty", "cut")
    words = ["--config_file", *BUNDLE.configs("inference"), "--bundle_root", str(BUNDLE.root), "--num_workers", "2"]
    done = command(
        "monai.bundle", "run", *words, "--dataset_dir", str(tmp_path / "in"), "--output_dir", str(tmp_path / "out")
    )
    assert done.returncode == 1
    *_, one, other, last = done.stderr.splitlines()
    assert one.startswith("case 'cut' failed: '")
    assert other.startswith("case 'empty' failed: '")
    assert other.endswith("(it is empty, 0 bytes): replace the file")
    assert last.startswith("error: 2 of 4 cases failed: 'cut' ('")
    assert last.endswith(f"'empty' (their reasons above); label maps of the other 2 are in '{tmp_path / 'out'}'")
    assert "Traceback" not in done.stdout + done.stderr
    assert results(tmp_path / "out") == ["good_0.nii.gz", "good_1.nii.gz"]


def test_where_all_fail_nothing_is_written(tmp_path):
    make_cases(tmp_path / "in", "empty", "html", good=())
    with pytest.raises(CasesFailed, match=r"(?m)^all 2 cases failed: 'empty' \(.*'html' \(.*; nothing was written$"):
        run(tmp_path / "in", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_missing_channel_is_one_cases_fault(tmp_path):
    for name in ("a_0000", "a_0001", "b_0000", "c_0000", "c_0001"):
        save_nifti(tmp_path / "in" / f"{name}.nii.gz", d.arrays(0)[0])
    definition = ConfigParser.load_config_file(BUNDLE.configs("inference")[0])["network_def"]
    two = ConfigParser({"network_def": {**definition, "in_channels": 2}}).get_parsed_content("network_def")
    torch.save(two.state_dict(), tmp_path / "two.pt")
    options = {"network_def::in_channels": 2, "ckpt_path": str(tmp_path / "two.pt")}
    with pytest.raises(CasesFailed, match=r"^1 of 3 cases failed: 'b' \(case 'b' lacks '.*b_0001.nii.gz': add that"):
        run(tmp_path / "in", tmp_path / "out", **options)
    assert results(tmp_path / "out") == ["a.nii.gz", "c.nii.gz"]


def giant(monkeypatch):
    call = WindowInferer.__call__

    def limited(self, inputs, *arguments, **options):
        if inputs.meta["filename_or_obj"][0].endswith("good_1.nii.gz"):
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 90.00 GiB. GPU 0 has ...")
        return call(self, inputs, *arguments, **options)

    monkeypatch.setattr(WindowInferer, "__call__", limited)
    return r"takes too much memory \(CUDA out of memory\): lower `sw_batch_size`"


def no_inverse(monkeypatch):
    call = Invertd.__call__

    def failing(self, data):
        if data["case"] == "good_1":
            raise RuntimeError("cannot be inverted")
        return call(self, data)

    monkeypatch.setattr(Invertd, "__call__", failing)
    return r"good_1.nii.gz' fails \(RuntimeError: cannot be inverted\)"


@pytest.mark.parametrize("fault", [giant, no_inverse], ids=lambda fault: fault.__name__)
def test_what_fails_after_reading_is_set_aside_and_the_evaluator_runs_again(tmp_path, fault, monkeypatch):
    make_cases(tmp_path / "in", good=("good_0", "good_1", "good_2"))
    made = workflow(tmp_path / "in", tmp_path / "out")
    with monkeypatch.context() as patch:
        words = fault(patch)
        with pytest.raises(CasesFailed, match=rf"^1 of 3 cases failed: 'good_1' \(image .*{words}"):
            made.evaluator.run()
    assert results(tmp_path / "out") == ["good_0.nii.gz", "good_2.nii.gz"]
    made.evaluator.run()
    assert (made.evaluator.outcome.written, made.evaluator.outcome.failures) == (3, [])
    assert results(tmp_path / "out") == ["good_0.nii.gz", "good_1.nii.gz", "good_2.nii.gz"]


def test_a_full_disk_is_no_cases_fault(tmp_path, monkeypatch):
    make_cases(tmp_path / "in")
    tried = []

    def full(_):
        tried.append(1)
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match=r"good_0.nii.gz' cannot be written \(No space left on device\): make room"):
        run(tmp_path / "in", tmp_path / "out")
    assert tried == [1]
    assert results(tmp_path / "out") == []


@pytest.mark.parametrize("names", WORKFLOWS, ids=lambda names: names[-1])
def test_the_same_name_in_several_folders_gives_several_results(tmp_path, names):
    files = ["a/scan.nii.gz", "b/scan.nii.gz", "a/x.nii", "a/x.nii.gz"]
    for index, file in enumerate(files):
        save_nifti(tmp_path / "in" / file, d.arrays(index)[0], d.moved(10 * index))
    entries = ",".join(f'{{"image": "{file}"}}' for file in files)
    (tmp_path / "in" / "datalist.json").write_text(f'{{"training": [{entries}]}}')
    run(tmp_path / "in", tmp_path / "out", *names)
    ending = "_probabilities" if "inference_probabilities" in names else ""
    wanted = ["a_scan.nii.gz", "b_scan.nii.gz", "x.nii", "x.nii.gz"]
    wanted = [name.replace(".nii", f"{ending}.nii") for name in wanted]
    assert results(tmp_path / "out") == sorted(wanted)
    for index, name in enumerate(wanted):
        assert nib.load(tmp_path / "out" / name).affine[0, 3] == 10 * index


def test_300_classes_need_two_bytes(tmp_path):
    make_cases(tmp_path / "in", good=("a",))
    definition = ConfigParser.load_config_file(BUNDLE.configs("inference")[0])["network_def"]
    wide = ConfigParser({"network_def": {**definition, "out_channels": 300}}).get_parsed_content("network_def")
    weights = wide.state_dict()
    bias = [name for name in weights if name.startswith("head.conv") and name.endswith("bias")][-1]
    weights[bias][299] += 1e4
    torch.save(weights, tmp_path / "wide.pt")
    options = {"network_def::out_channels": 300, "ckpt_path": str(tmp_path / "wide.pt")}
    run(tmp_path / "in", tmp_path / "out", **options)
    labels = nib.load(tmp_path / "out" / "a.nii.gz")
    assert labels.get_data_dtype() == np.uint16
    assert set(np.unique(labels.dataobj)) == {299}


def test_a_second_run_does_what_is_missing_or_damaged(tmp_path, capsys):
    make_cases(tmp_path / "in", good=("a", "b", "c"))
    run(tmp_path / "in", tmp_path / "out")
    (tmp_path / "out" / "a.nii.gz").unlink()
    damaged = tmp_path / "out" / "b.nii.gz"
    whole = damaged.read_bytes()
    damaged.write_bytes(whole[:-20])
    before = (tmp_path / "out" / "c.nii.gz").stat().st_mtime_ns
    BAD["empty"][0](save_nifti(tmp_path / "in" / "d.nii.gz", d.arrays(0)[0]))
    with pytest.raises(CasesFailed, match=r"(?m)^1 of 4 cases failed: 'd' .* the other 3 .* \(1 there already\)$"):
        run(tmp_path / "in", tmp_path / "out", skip_existing=True)
    assert damaged.read_bytes() == whole
    assert (tmp_path / "out" / "c.nii.gz").stat().st_mtime_ns == before
    (tmp_path / "in" / "d.nii.gz").unlink()
    run(tmp_path / "in", tmp_path / "out", skip_existing=True, num_workers=2)
    assert "label maps written: 0 to" in (said := capsys.readouterr().out)
    assert said.rstrip().endswith("; all 3 skipped, there already")
