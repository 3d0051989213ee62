import json
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
from conftest import SHIPPED

from monai_attn.bundle import check_command_line, check_overlays, check_overrides
from monai_attn.bundle._command_line import check_new_keys, component_arguments, given_config

CONFIG = {
    "train": {},
    "max_epochs": 3,
    "network_def": {"_target_": "monai_attn.LightAttentionGatedUNet", "spatial_dims": 3},
    "steps": [{"_target_": "SpatialPadd", "keys": "image"}, {"_target_": "RandFlipd", "keys": "image"}],
}


@pytest.mark.parametrize(
    "override",
    [
        "max_epochs",
        "network_def::spatial_dims",
        "network_def::dropout",  # an argument of the class it builds on
        "network_def::stem_strides",
        "network_def#norm",
        "steps::1::prob",
        "steps::0::constant_values",  # MONAI's padding takes any name
        "steps::0::_disabled_",
    ],
)
def test_overrides_that_change_something_pass(override):
    check_overrides(CONFIG, [override])


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("max_epoch", r"'max_epoch' is unknown: did you mean 'max_epochs'\?"),
        ("network_def::dropot", r"did you mean 'network_def::dropout'\?"),
        ("steps::1::probb", r"did you mean 'steps::1::prob'\?"),
        ("steps::2::prob", r"'steps::2::prob' is unknown"),
        ("max_epochs::x", r"'max_epochs' is 3 and has no parts"),
        ("zzzz", r"'zzzz' is unknown: known are max_epochs, network_def, steps, train"),
    ],
)
def test_overrides_that_change_nothing_are_named(override, message):
    with pytest.raises(ValueError, match=message):
        check_overrides(CONFIG, [override])


def test_a_component_that_is_not_there_is_named():
    with pytest.raises(ValueError, match=r"_target_ 'monai.losses.DiceCELos' is not there"):
        component_arguments("monai.losses.DiceCELos")


@pytest.fixture
def files(tmp_path):
    folder = tmp_path / "[b] x"
    folder.mkdir()
    for name, content in {
        "train": CONFIG,
        "inference": {"evaluator": {}},
        "finetune": {"overlay_of": "train"},
    }.items():
        (folder / f"{name}.json").write_text(json.dumps(content))
    return lambda *names: [str(folder / f"{name}.json") for name in names]


@pytest.mark.filterwarnings("ignore:parsing")
def test_overlays_want_their_base_before_them(files):
    check_overlays(files("train", "finetune"))
    check_overlays(files("train", "finetune", "finetune"))
    for wrong in (["finetune"], ["inference", "finetune"], ["finetune", "train"]):
        with pytest.raises(ValueError, match=r"finetune\.json' goes over train\.json, but .*train\.json','.*finetune"):
            check_overlays(files(*wrong))


@pytest.mark.filterwarnings("ignore:parsing")
@pytest.mark.parametrize(
    ("added", "message"),
    [
        ({"max_epoch": 3}, r"mine\.json': key 'max_epoch' is unknown: did you mean 'max_epochs'\?"),
        ({"+step": []}, r"key '\+step' is unknown: did you mean '\+steps'\?"),
        ({"max_epochs": 3, "steps::0::keys": "label"}, None),
        ({"width": 3, "max_epochs": "$2 * @width"}, None),
        ({"_desc_": "mine", "overlay_of": "train", "initialize": []}, None),
    ],
)
def test_a_key_of_an_overlay_that_does_nothing_is_named(files, added, message):
    (base,) = files("train")
    mine = Path(base).with_name("mine.json")
    mine.write_text(json.dumps(added))
    names = [base, str(mine)]
    config = CONFIG | {key: value for key, value in added.items() if "::" not in key and key[0] != "+"}
    if message is None:
        check_new_keys(names, config)
    else:
        with pytest.raises(ValueError, match=message):
            check_new_keys(names, config)


@pytest.fixture
def typed(monkeypatch) -> Iterator[Callable[..., None]]:
    """Pretend that ``python -m monai.bundle run`` was typed with these words."""

    def pretend(*words: str) -> None:
        main = ModuleType("__main__")
        main.__spec__ = SimpleNamespace(name="monai.bundle.__main__")
        monkeypatch.setitem(sys.modules, "__main__", main)
        monkeypatch.setattr(sys, "argv", ["monai.bundle", "run", *words])
        monkeypatch.setattr(sys, "excepthook", sys.excepthook)

    before = signal.getsignal(signal.SIGTERM)
    yield pretend
    signal.signal(signal.SIGTERM, before)


@pytest.mark.filterwarnings("ignore:parsing")
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--max_epochs", "abc"], r"max_epochs='abc' is not a number: pass one, such as --max_epochs \d+"),
        (["--learning_rate", "1e-x"], r"learning_rate='1e-x' is not a number"),
        (["--max_epochs", "2.5"], r"max_epochs=2\.5 is not a whole number: pass one, such as --max_epochs \d+"),
        (["--repeats", "0"], r"repeats=0 must be at least 1"),
        (["--num_workers", "-1"], r"num_workers=-1 must be at least 0"),
        (["--learning_rate=-0.1"], r"learning_rate=-0\.1 must be at least 0: pass one, such as --learning_rate 0"),
        (["--cache_rate", "2"], r"cache_rate=2 must be from 0 to 1"),
        (["--surface_tolerance", "-1"], r"surface_tolerance=-1 must be at least 0"),
        (["--sw_overlap", "1"], r"sw_overlap=1 must be at least 0 and less than 1"),
        (["--patch_size", "[32,32,abc]"], r"patch_size=\[32,32,abc\] needs 3 numbers"),
        (
            ["--patch_size", "64"],
            r"patch_size=64 needs 3 numbers, one for each axis: pass --patch_size \"\[\d+,\d+,\d+\]\"",
        ),
        (
            ["--validate::inferer#roi_size", "[32,32]"],
            r"inferer#roi_size=\[32,32\] needs 3 numbers, one for each axis: pass .*roi_size",
        ),
        (["--validate::inferer::roi_size", "[32,32,32]"], None),
        (["--validate::inferer::roi_size", "@patch_size"], None),
        (["--patch_size", "$[32]*3"], None),
        (["--fold", "None"], r"fold=None would change nothing, since MONAI drops it: pass --fold '\$None'"),
        (["--network_def::spatial_dims", "None"], r"spatial_dims=None would change nothing"),
        (["--pretrained", "None"], None),  # as it is
        (["--fold", "$None"], None),
        (
            ["--image_transforms::1::pixdim", "[2,2,2]"],
            r'alone moves image and label apart: pass --label_transforms::1::pixdim "\[2,2,2\]", too',
        ),
        (["--label_transforms#0#axcodes", "LPS"], r"pass --image_transforms::0::axcodes LPS, too"),
        (["--image_transforms::1::pixdim", "[2,2,2]", "--label_transforms#1#pixdim", "[2,2,2]"], None),
        (["--image_transforms::1::mode", "nearest"], None),
        (["--amp", "false"], r"amp='false' is neither True nor False: pass --amp True"),
        (["--train::trainer::max_epochs", "@max_epochs"], None),
        (["--fold", "second", "--learning_rate", "0"], None),
        (["--tta", "false"], r"tta='false' is neither True nor False: pass --tta True"),
        (
            ["--patch_size", "[40,40]"],
            r"patch_size=\[40,40\] needs 3 numbers, one for each axis: pass --patch_size \"\[",
        ),
        (["--train::dataloader::batch_size", "$two"], None),
        (["--cache_rate", "0.5", "--seed", "-1", "--learning_rate", "3E-4", "--max_epochs", "1_000"], None),
        (["--trust_image_header", "True", "--patch_size", "[32,32,32]"], None),
    ],
)
def test_values_of_another_kind_are_named(typed, words, message):
    volumes = next(bundle for bundle in SHIPPED if bundle.spatial_dims == 3)
    workflow = "evaluate" if words[0] in ("--surface_tolerance", "--sw_overlap", "--tta") else "train"
    typed("--config_file", *volumes.configs(workflow), "--bundle_root", str(volumes.root), *words)
    if message is None:
        check_command_line()
    else:
        with pytest.raises(ValueError, match=message):
            check_command_line()


@pytest.mark.filterwarnings("ignore:parsing")
@pytest.mark.parametrize(
    "form", [["--max_epoch", "3"], ["--max_epoch=3"], ["-max_epoch", "3"], ["--max-epoch", "3"]], ids=" ".join
)
def test_every_way_of_typing_a_misspelt_switch_is_caught(files, typed, form):
    typed("--config_file", *files("train"), *form)
    with pytest.raises(ValueError, match=r"did you mean 'max_epochs'\?"):
        check_command_line()


@pytest.mark.filterwarnings("ignore:parsing")
def test_what_is_right_passes_however_it_is_typed(files, typed, tmp_path):
    (train,), (overlay,) = files("train"), files("finetune")
    (tmp_path / "args.json").write_text(json.dumps({"config_file": train, "max_epochs": 2}))
    for words in (
        ["--config_file", train],  # a folder that begins with a bracket
        ["-config_file", train, "-max_epochs", "1"],
        ["--config_file", f"['{train}','{overlay}']", "--meta_file", "m.json", "--_meta_::version", "1"],
        ["--args_file", str(tmp_path / "args.json"), "--network_def::dropout", "0.1"],
        ["--config_file", train, "--tracking", "mlflow", "--experiment_name", "x"],
    ):
        typed(*words)
        check_command_line()


def test_nothing_is_checked_where_nothing_was_typed(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["pytest", "--config_file", "absent.json", "--nonsense"])
    check_command_line()


@pytest.mark.filterwarnings("ignore:parsing")
def test_the_config_is_known_with_what_was_typed(files, typed):
    assert given_config() == {}  # from Python, nobody typed anything
    typed("--config_file", *files("train"), "--network_def::channels", "[8,16]", "--max_epochs=5")
    network = {**CONFIG["network_def"], "channels": [8, 16]}
    assert given_config() == {"train": {}, "steps": CONFIG["steps"], "network_def": network}  # what is learnt by
