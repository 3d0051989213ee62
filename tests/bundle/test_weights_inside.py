"""A bundle's weights may not link to something outside its folder."""

import pytest
import torch

from monai_attn.bundle import checkpoints, load_checkpoint, warm_start


def test_a_link_out_of_a_bundle_is_refused_and_others_are_followed(tmp_path):
    root = tmp_path / "bundle"
    (root / "configs").mkdir(parents=True)
    (root / "models").mkdir()
    torch.save(torch.nn.Linear(1, 1).state_dict(), tmp_path / "elsewhere.pt")
    inside, outside = root / "models" / "model.pt", tmp_path / "link.pt"
    for place in (inside, outside):
        place.symlink_to(tmp_path / "elsewhere.pt")
    for load in (load_checkpoint, warm_start):
        with pytest.raises(ValueError, match=r"'models/model\.pt' of bundle '.*' links to something outside"):
            load(torch.nn.Linear(1, 1), inside)
        assert len(load(torch.nn.Linear(1, 1), outside).copied) == 2
    for paths in (None, str(inside), [str(outside), str(inside)]):
        with pytest.raises(ValueError, match="links to something outside"):
            checkpoints(root, paths)
    assert checkpoints(root, str(outside)) == [str(outside)]
