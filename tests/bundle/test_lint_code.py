import pytest
from conftest import add_entries

from monai_attn.bundle import LintFinding, lint
from monai_attn.bundle.linting._names import target_objection


def change(loose, name="inference", **entries) -> list[LintFinding]:
    return lint(add_entries(loose, name, **entries))


@pytest.mark.parametrize(
    "expression",
    [
        "$__import__('os').system('touch MARKER')",
        '$exec(\'open("MARKER", "w")\')',
        "$[f('MARKER', 'w') for f in [open]]",
        "$(lambda: eval)()('1')",
        "$import os",
        "$import subprocess as math",
        "$import os.path",
        "$from shutil import copy",
        "$from monai.utils import optional_import",
        "$from . import x",
        "$import scripts",
        "$import monai; print(1)",
        "$os.system('touch MARKER')",
        "$monai.utils.os.system('touch MARKER')",
        "$torch.os",
        "$torch.serialization.pickle.loads(b'')",
        "$monai.data.utils.torch.hub.list('x')",
        "$monai.data.utils.torch.package",
        "$torch.load('MARKER')",
        "$monai.data.utils.pd.read_pickle('MARKER')",
        "$monai.handlers.mlflow_handler.mlflow.run('MARKER')",
        "$monai.utils.safe_eval(@code, allowed_types=[int.mro()[-1]])",
        "$monai.data.PersistentDataset(@cases, None, 'MARKER', weights_only=False)",
        "$np.loadtxt('https://MARKER')",
        "$torch.hub.load('a/b', 'c')",
        "$monai.transforms.LoadImage(reader='os.system', command='touch MARKER')",
        "$monai.transforms.LoadImage('os.system', command='touch MARKER')",
        "$monai.transforms.LoadImage(reader=['posix.system'], command='touch MARKER')",
        "$monai.transforms.LoadImage(reader='o' + 's.system', command='touch MARKER')",
        "$monai.transforms.LoadImage('o' + 's.system', command='touch MARKER')",
        "$monai.transforms.LoadImage(**{'rea' + 'der': 'o' + 's.system', 'command': 'touch MARKER'})",
        "$list(map(monai.transforms.LoadImage, @names))",
        "$monai.transforms.SaveImage(writer='monai.bundle.run')",
        "$monai.transforms.LoadImaged(keys='a', reader='subprocess.getoutput', cmd='touch MARKER')",
        "$dict(reader='os.system')",
        "$torch.ops.load_library('x.so')",
        "$torch.jit.CompilationUnit('x')",
        "$torch.utils.cpp_extension.load_inline('x', 'y')",
        "$torch.utils.collect_env.run('touch MARKER')",
        "$torch.utils.benchmark.Timer('open(1)').timeit()",
        "$np.load('MARKER', allow_pickle=True)",
        "$numpy.testing.measure('1')",
        "$monai.bundle.download('x')",
        "$monai.bundle.ConfigParser({'a': '$1'}).get_parsed_content('a')",
        "$monai.apps.download_and_extract('x')",
        "$monai.utils.misc.run_cmd(['touch', 'MARKER'])",
        "$(lambda t: t.package)(torch)",
        "$[m.ops for m in [torch.nn, torch]]",
        "$(lambda torch: 0, torch.nn.ReLU())",
        "$(lambda eval: 0, eval('1'))",
        "$().__class__.__mro__",
        "$'{0.__class__}'.format(1)",
        "$(i for i in []).gi_frame.f_builtins",
        "$getattr(monai, 'bundle')",
        "$globals()",
        "$type('X', (), {})",
        "$breakpoint()",
        "$unheard_of(1)",
        "$1 +",
        "$x = 1",
        "$" + "(" * 500 + ")" * 500,
        "$__local_refs",
        "$print('@or').f_globals",
    ],
)
def test_dangerous_expressions_are_found_and_not_run(loose, tmp_path, monkeypatch, expression):
    monkeypatch.chdir(tmp_path)
    for place in ({"device": expression}, {"run": [{"_target_": "Compose", "transforms": [expression]}]}):
        found = change(loose, **place)
        assert found, place
        assert {finding.file for finding in found} == {"configs/inference.json"}
        assert all(finding.text.startswith("expression ") for finding in found)
    assert not (tmp_path / "MARKER").exists()


@pytest.mark.parametrize(
    "expression",
    [
        "$@network.eval()",
        "$torch.compile(@network)",
        "$@network_def::in_channels + len(@#0) if @a else None",
        "$lambda x: (x['image'], x['label'])",
        "$[k for _ in range(3) for k in @cases]",
        "$torch.distributed.get_rank() == 0",
        "$monai.transforms.io.dictionary.LoadImaged(keys='image')",
        "$np.mean(@cases) * math.pi",
        "$torch.nn.functional.softmax(@x, dim=1)",
        '$f"{@loose}/models/model.pt"',
        "$@loose + '/models/' + 'model.pt'",
    ],
)
def test_ordinary_expressions_pass(loose, expression):
    assert change(loose, imports=["$import math"], device=expression) == []


@pytest.mark.parametrize(
    "target",
    [
        *("os.system", "builtins.exec", "subprocess.run", "eval", "antigravity", "scripts.net.Net", "nibabel.load"),
        *("torch.load", "torch.hub.load", "torch.package.PackageImporter", "torch.jit.load", "torch.save", "no name"),
        *(
            "torch.utils.cpp_extension.load",
            "torch.distributed.run.main",
            "torch._C._jit_init",
            "ignite.distributed.spawn",
        ),
        *(
            "monai.bundle.run",
            "monai.bundle.download",
            "monai.apps.download_and_extract",
            "monai.utils.module.instantiate",
        ),
        *("monai.data.utils.os.system", "monai_attn._shipped_bundles.shutil.rmtree", "monai_attn.cli.main"),
        *("torch.utils.data.datapipes.utils.decoder.basichandlers", "torch.compiler.load_compiled_function"),
        *("monai.data.utils.pd.read_pickle", "monai.utils.safe_eval", "safe_eval"),
        *("run_cmd", "optional_import", "ConfigParser", "download_url", "AutoRunner", "algo_from_pickle"),
        *("$@a + 'b'", "$'os.' + 'system'", "@name", "%name"),
    ],
)
def test_targets_outside_the_list_are_found(loose, target):
    entry = {"_target_": target, "command": "touch x"}
    found = change(loose, network={"_target_": "Compose", "transforms": [entry]})
    assert "network::transforms::0::_target_" in {finding.key for finding in found}


@pytest.mark.parametrize(
    "target",
    [
        *("UNet", "AttentionGatedUNet", "monai_attn.data.find_cases", "torch.nn.ReLU", "ignite.handlers.EarlyStopping"),
        *("monai.transforms.utility.array.ToTensor", "torch.utils.data.DataLoader", "torch.optim.lr_scheduler.StepLR"),
    ],
)
def test_ordinary_targets_pass(target):
    assert target_objection(target) is None


@pytest.mark.parametrize(
    ("entry", "key"),
    [
        ({"_target_": "LoadImage", "reader": "os.system", "command": "x"}, "network::reader"),  # MONAI calls this
        ({"_target_": "LoadImage", "reader": ["NibabelReader", "builtins.exec"]}, "network::reader"),
        ({"_target_": "SaveImage", "writer": "@writer"}, "network::writer"),
        ({"_target_": "NumpyReader", "allow_pickle": True}, "network::allow_pickle"),
        ({"_target_": "PersistentDataset", "weights_only": False}, "network::weights_only"),
        ({"_target_": "UNet", "_mode_": "debug"}, "network::_mode_"),
        ({"_target_": "UNet", "_mode_": "@mode"}, "network::_mode_"),
        ({"_target_": "UNet", "_debug_": True}, "network::_debug_"),
        ({"backend": "subprocess.run"}, "network::backend"),
        ("%elsewhere.json::a", "network"),
        ("%/etc/x.yaml", "network"),
        ("/home/someone/data", "network"),
        ("~/data", "network"),
        ("C:\\data", "network"),
        ("file:///data", "network"),
        ("\\\\server\\share", "network"),
        ("$'/home/someone' + '/data'", "network"),
        ("$@loose + '/../other/model.pt'", "network"),
        ("models/../../model.pt", "network"),
    ],
)
def test_what_else_runs_or_leads_elsewhere_is_found(loose, entry, key):
    assert key in {finding.key for finding in change(loose, network=entry)}


def test_mode_callable_and_data_beside_the_bundle_pass(loose):
    entry = {"_target_": "UNet", "_mode_": "callable"}
    assert change(loose, network=entry, dataset_dir="$@loose + '/../data'") == []


def test_metadata_is_evaluated_by_monai_and_so_looked_at(loose):
    assert [finding.key for finding in change(loose, "metadata", task="$import os")] == ["task"]
