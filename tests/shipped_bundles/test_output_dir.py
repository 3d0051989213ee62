"""A folder that cannot take results is refused before there are any."""

import os

import pytest

from monai_attn.data import CaseDataset, CheckedDataset
from monai_attn.engines import _trainer


@pytest.fixture(params=["a file", "below a file", "read-only"])
def unusable(request, tmp_path):
    """A folder for results that cannot be one, and what is said of it."""
    if request.param == "read-only":
        if os.geteuid() == 0:
            pytest.skip("root may write anywhere")
        (tmp_path / "locked").mkdir(mode=0o500)
        return tmp_path / "locked" / "out", "is read-only"
    (tmp_path / "taken").write_text("")
    return tmp_path / "taken" / ("" if request.param == "a file" else "out"), "taken' is a file: use another"


@pytest.mark.parametrize("workflow", ["train", "evaluate", "inference"])
def test_no_case_is_looked_at(small, slices, monkeypatch, unusable, workflow):
    folder, words = unusable

    def prepare(*_):
        raise AssertionError("cases are checked")

    for kind in (CaseDataset, CheckedDataset):
        monkeypatch.setattr(kind, "prepare", prepare)
    monkeypatch.setattr(_trainer, "prepare_training", prepare)
    data = slices if workflow != "inference" else slices / "imagesTr"
    with pytest.raises((ValueError, RuntimeError)) as caught:
        small.run(workflow, dataset_dir=str(data), output_dir=str(folder), device="cpu")
    error = caught.value
    while error.__cause__ is not None:
        error = error.__cause__
    assert words in str(error)


def test_there_is_nothing_to_resume_from(small, tmp_path):
    """Said before the data, which are not there either."""
    with pytest.raises((FileNotFoundError, RuntimeError)) as caught:
        small.run("train", "resume", dataset_dir=str(tmp_path / "absent"), output_dir=str(tmp_path / "run"))
    error = caught.value
    while error.__cause__ is not None:
        error = error.__cause__
    assert "has no checkpoint_epoch*.pt to resume from" in str(error)
    assert not (tmp_path / "run").exists()
