import pickle
import zipfile

import pytest
import torch
from small_networks import tiny, weights_file

from monai_attn import AttentionGatedUNet, load_weights
from monai_attn.networks._checksum import write_sha256


@pytest.mark.parametrize("nested", [False, True])
def test_loads_what_was_saved(tmp_path, nested):
    source, target = tiny(), tiny()
    state = source.state_dict()
    torch.save({"model": state, "epoch": 3} if nested else state, tmp_path / "model.pt")
    load_weights(target, tmp_path / "model.pt")
    assert all(torch.equal(a, b) for a, b in zip(state.values(), target.state_dict().values(), strict=True))


@pytest.mark.parametrize(
    ("other", "difference"),
    [
        ({"channels": (8, 16)}, r"encoder.0.0.conv.weight has shape \(8, 1, 3, 3\), not \(4, 1, 3, 3\)"),
        ({"channels": (4, 8, 8), "strides": (2, 2)}, "encoder.2.0.conv.weight is unknown here"),
        ({"bias": False}, "encoder.0.0.conv.bias is missing"),
    ],
)
def test_another_architecture_is_refused_and_nothing_changes(tmp_path, other, difference):
    torch.save(tiny(**other).state_dict(), tmp_path / "other.pt")
    target = tiny()
    before = {name: tensor.clone() for name, tensor in target.state_dict().items()}
    with pytest.raises(ValueError, match=difference) as error:
        load_weights(target, tmp_path / "other.pt")
    assert "other.pt" in str(error.value)
    assert "another architecture" in str(error.value)
    assert all(torch.equal(tensor, before[name]) for name, tensor in target.state_dict().items())


class Payload:
    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return (open, (str(self.marker), "w"))


def test_a_pickle_with_code_is_refused_and_does_not_run(tmp_path):
    (tmp_path / "evil.pt").write_bytes(pickle.dumps(Payload(tmp_path / "marker")))
    with pytest.raises(ValueError, match=r"evil\.pt' cannot be read"):
        load_weights(tiny(), tmp_path / "evil.pt")
    assert not (tmp_path / "marker").exists()


@pytest.mark.parametrize("name", ["../marker", "../../marker", "/marker", "source/../../marker", "source/data/../../x"])
def test_a_checkpoints_members_cannot_leave_their_file(tmp_path, name):
    """torch reads a checkpoint's zip members where they are; were they unpacked, these would land beside the folder."""
    folder = tmp_path / "a" / "b"
    folder.mkdir(parents=True)
    state, path = weights_file(folder)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(f"{tmp_path}{name}" if name[0] == "/" else name, b"x")
    target = tiny()
    if name.startswith("source/"):
        load_weights(target, path)
        assert all(torch.equal(a, b) for a, b in zip(state.values(), target.state_dict().values(), strict=True))
    else:  # outside the one folder that a checkpoint has
        with pytest.raises(ValueError, match=r"source\.pt' cannot be read"):
            load_weights(target, path)
    assert sorted(tmp_path.rglob("*")) == [tmp_path / "a", folder, path]


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"PK\x03\x04 cut off"])
def test_damaged_files_are_named(tmp_path, content):
    (tmp_path / "bad.pt").write_bytes(content)
    with pytest.raises(ValueError, match=r"bad\.pt' cannot be read"):
        load_weights(tiny(), tmp_path / "bad.pt")


def test_missing_and_foreign_files(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.pt' do not exist: pass a file that does"):
        load_weights(tiny(), tmp_path / "none.pt")
    torch.save([1, 2], tmp_path / "list.pt")
    with pytest.raises(ValueError, match="hold a list and no state dict"):
        load_weights(tiny(), tmp_path / "list.pt")


def test_monais_loader_copies_nothing_in_silence_and_ours_refuses(tmp_path):
    from ignite.engine import Engine
    from monai.handlers import CheckpointLoader

    torch.save({"other.weight": torch.zeros(3)}, tmp_path / "other.pt")
    target = tiny()
    before = {name: tensor.clone() for name, tensor in target.state_dict().items()}
    loader = CheckpointLoader(str(tmp_path / "other.pt"), {"model": target}, strict=False, strict_shape=False)
    loader(Engine(lambda *_: None))  # says nothing
    with pytest.raises(ValueError, match="have nothing that fits this network"):
        load_weights(target, tmp_path / "other.pt", strict=False)
    assert all(torch.equal(tensor, before[name]) for name, tensor in target.state_dict().items())


def test_what_fits_is_copied_and_the_rest_is_reported(tmp_path, caplog):
    caplog.set_level("INFO")
    state, path = weights_file(tmp_path, gated_levels=[])
    target = tiny()
    report = load_weights(target, path, strict=False)
    assert set(report.copied) == set(state)
    assert report.skipped == {}
    assert report.missing == [name for name in target.state_dict() if ".gate." in name]
    assert f"copied {len(state)} of {len(state)} tensors" in caplog.text


def test_another_number_of_classes_is_an_explicit_choice(tmp_path):
    _, path = weights_file(tmp_path)
    target = tiny(out_channels=5)
    with pytest.raises(ValueError, match=r"head\.conv\.conv\.weight has shape \(2, 4, 1, 1\), not \(5, 4, 1, 1\)"):
        load_weights(target, path)
    report = load_weights(target, path, skip_head=True)
    assert set(report.skipped) == {"head.conv.conv.weight", "head.conv.conv.bias"}


@pytest.mark.parametrize(("adapt_input", "channels"), [("average", 3), ("average", 1), ("repeat", 3), ("repeat", 4)])
def test_another_number_of_image_channels_keeps_the_response_to_equal_channels(tmp_path, adapt_input, channels):
    source = tiny(in_channels=2).eval()
    torch.save(source.state_dict(), tmp_path / "source.pt")
    target = tiny(in_channels=channels).eval()
    with pytest.raises(ValueError, match=r"encoder\.0\.0\.conv\.weight has shape"):
        load_weights(target, tmp_path / "source.pt")
    load_weights(target, tmp_path / "source.pt", adapt_input=adapt_input)
    image = torch.randn(1, 1, 12, 12)
    expected = source(image.expand(1, 2, 12, 12))
    torch.testing.assert_close(target(image.expand(1, channels, 12, 12)), expected, rtol=0, atol=1e-5)


def test_repeat_cannot_take_channels_away(tmp_path):
    _, path = weights_file(tmp_path, in_channels=3)
    with pytest.raises(ValueError, match=r"has shape \(4, 3, 3, 3\), not \(4, 1, 3, 3\)"):
        load_weights(tiny(), path, adapt_input="repeat")
    with pytest.raises(ValueError, match="adapt_input='cut' is unknown: use 'average' or 'repeat'"):
        load_weights(tiny(), path, adapt_input="cut")


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "module._orig_mod.", "_orig_mod.module."])
def test_names_of_wrapped_networks_are_unwrapped(tmp_path, prefix):
    source, target = tiny(), tiny()
    torch.save({"state_dict": {prefix + k: v for k, v in source.state_dict().items()}}, tmp_path / "wrapped.pt")
    assert load_weights(target, tmp_path / "wrapped.pt").missing == []
    wrapped = torch.nn.DataParallel(tiny())
    assert len(load_weights(wrapped, tmp_path / "wrapped.pt").copied) == len(source.state_dict())
    assert all(
        torch.equal(a, b) for a, b in zip(wrapped.state_dict().values(), source.state_dict().values(), strict=True)
    )


@pytest.mark.parametrize("nests", [("state_dict", "model"), ("model", "state_dict"), ("model_state_dict",), ("net",)])
def test_weights_may_lie_deep_in_a_checkpoint(tmp_path, nests):
    state = tiny().state_dict()
    for nest in nests:
        state = {nest: state, "epoch": 1}
    torch.save(state, tmp_path / "deep.pt")
    assert load_weights(tiny(), tmp_path / "deep.pt").missing == []


def test_biases_alone_are_no_fit_and_nan_is_refused(tmp_path):
    volume = AttentionGatedUNet(3, in_channels=1, out_channels=2, channels=(4, 8), strides=(2,)).state_dict()
    torch.save(volume, tmp_path / "3d.pt")
    with pytest.raises(ValueError, match="have nothing that fits this network"):
        load_weights(tiny(), tmp_path / "3d.pt", strict=False)
    state = tiny().state_dict()
    state["encoder.0.0.conv.bias"][1] = torch.nan
    torch.save(state, tmp_path / "nan.pt")
    with pytest.raises(ValueError, match=r"have NaN or infinite values \(encoder\.0\.0\.conv\.bias\)"):
        load_weights(tiny(), tmp_path / "nan.pt")


def test_safetensors(tmp_path):
    from safetensors.torch import save_file

    source, target = tiny(), tiny()
    save_file(source.state_dict(), tmp_path / "model.safetensors")
    load_weights(target, tmp_path / "model.safetensors")
    assert all(
        torch.equal(a, b) for a, b in zip(source.state_dict().values(), target.state_dict().values(), strict=True)
    )
    write_sha256(tmp_path / "model.safetensors", b"other bytes")
    with pytest.raises(ValueError, match="have SHA-256"):
        load_weights(target, tmp_path / "model.safetensors")
    (tmp_path / "bad.safetensors").write_bytes(b"no")
    with pytest.raises(ValueError, match=r"bad\.safetensors' cannot be read"):
        load_weights(target, tmp_path / "bad.safetensors")
