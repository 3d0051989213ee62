"""Expressions and targets, one by one: what is refused, and not run, and what passes."""

import pytest
from conftest import add_entries

from monai_attn.bundle import LintFinding, lint
from monai_attn.bundle.linting._allowed import find_targets


def change(tiny, **entries) -> list[LintFinding]:
    return lint(add_entries(tiny, "inference", **entries))


@pytest.mark.parametrize(
    "expression",
    [
        "$__import__('os').system('touch MARKER')",
        '$exec(\'open("MARKER", "w")\')',
        "$[f('MARKER', 'w') for f in [open]]",
        "$(lambda: eval)()('1')",
        "$import shutil",
        "$import subprocess as math",
        "$import os as len",
        "$import os, shutil",
        "$import math; import os",
        "$import os.path",
        "$from shutil import copy",
        "$from os import system",
        "$from monai.utils import optional_import",
        "$from . import x",
        "$import scripts",
        "$import monai; print(1)",
        "$os.system('touch MARKER')",
        "$monai.utils.os.system('touch MARKER')",
        "$monai.data.utils.os.remove('MARKER')",
        "$torch.os",
        "$torch.serialization.pickle.loads(b'')",
        "$monai.data.utils.torch.hub.list('x')",
        "$monai.data.utils.torch.package",
        "$torch.load('MARKER')",
        "$torch.from_file('MARKER', shared=True, size=1)",
        "$torch.UntypedStorage.from_file('MARKER', True, 8)",
        "$torch.FloatStorage.from_file('MARKER', True, 8)",
        "$torch.ops.load_library('x.so')",
        "$torch.classes.load_library('x.so')",
        "$torch.ops.aten.from_file('MARKER')",
        "$torch.jit.load('x.ts')",
        "$torch.jit.CompilationUnit('x')",
        "$torch.export.load('x.pt2')",
        "$torch.compile(@network, options={'cpp.cxx': ['touch', 'MARKER']})",
        "$torch.hub.load('a/b', 'c')",
        "$torch.utils.cpp_extension.load_inline('x', 'y')",
        "$torch.utils.collect_env.run('touch MARKER')",
        "$torch.utils.benchmark.Timer('open(1)').timeit()",
        "$monai.data.utils.pd.read_pickle('MARKER')",
        "$monai.handlers.mlflow_handler.mlflow.run('MARKER')",
        "$monai.utils.safe_eval(@code, allowed_types=[int.mro()[-1]])",
        "$monai.data.PersistentDataset(@cases, None, 'MARKER', weights_only=False)",
        "$np.loadtxt('https://MARKER')",
        "$np.zeros(1).tofile('MARKER')",
        "$np.memmap('MARKER', mode='w+', shape=1)",
        "$np.load('MARKER', allow_pickle=True)",
        "$numpy.testing.measure('1')",
        "$monai.transforms.LoadImage(reader='os.system', command='touch MARKER')",
        "$monai.transforms.LoadImage('os.system', command='touch MARKER')",
        "$monai.transforms.LoadImage('pkg.Reader')",
        "$monai.transforms.LoadImage(['posix.system'], command='touch MARKER')",
        "$monai.transforms.LoadImage('o' + 's.system', command='touch MARKER')",
        "$monai.transforms.LoadImage(**{'rea' + 'der': 'o' + 's.system', 'command': 'touch MARKER'})",
        "$monai.transforms.LoadImage(*@names)",
        "$monai.transforms.LoadImage('NumpyReader', True, None, False, False, None, '.', True, True, None, True)",
        "$list(map(monai.transforms.LoadImage, @names))",
        "$monai.transforms.Lambda(monai.transforms.LoadImage)",
        "$monai.transforms.SaveImage(writer='monai.bundle.run')",
        "$monai.transforms.LoadImaged('a', 'subprocess.getoutput', cmd='touch MARKER')",
        "$monai.inferers.PatchInferer(merger_cls='os.system')",
        "$dict(reader='os.system')",
        "${'reader': 'os.system'}",
        "$monai.bundle.download('x')",
        "$monai.bundle.ConfigParser({'a': '$1'}).get_parsed_content('a')",
        "$monai.bundle.ConfigComponent({'_target_': 'os.system'}).instantiate()",
        "$monai.apps.download_and_extract('x')",
        "$monai.apps.load_from_mmar('x', 'MARKER')",
        "$monai.utils.misc.run_cmd(['touch', 'MARKER'])",
        "$monai_attn.bundle.copy_bundle('x', 'MARKER')",
        "$monai_attn.bundle.planning.plan('x')",
        "$monai_attn.cli.main(['copy'])",
        "$monai_attn.bundle.path_argument('a', 'MARKER').write_text('x')",
        "$monai_attn.bundle.path_argument('a', 'x').unlink()",
        "$monai_attn.bundle.path_argument('a', 'x').replace('MARKER')",
        "$monai_attn.bundle.path_argument('a', 'x').parent.mkdir()",
        "$map(@path.unlink, @paths)",
        "$@network.package_loader",
        "$@network.to('cpu').load_pickle('x')",
        "$@network.run.os",
        "$@optimizer.save('MARKER')",
        "$@network('a', 'b')",
        "$(lambda t: t.package)(torch)",
        "$[m.ops for m in [torch.nn, torch]]",
        "$(lambda torch: 0, torch.nn.ReLU())",
        "$(lambda eval: 0, eval('1'))",
        "$[f('x') for f in [len]]",
        "$@imports[0].system('touch MARKER')",
        "$@imports::0",
        "$@",
        "$().__class__.__mro__",
        "$'{0.__class__}'.format(1)",
        "$(i for i in []).gi_frame.f_builtins",
        "$getattr(monai, 'bundle')",
        "$setattr(torch.backends.cudnn, 'enabled', os)",
        "$globals()",
        "$type('X', (), {})",
        "$breakpoint()",
        "$(x := open)",
        "$unheard_of(1)",
        "$bytes([1])",
        "$b'x'",
        "$1 +",
        "$x = 1",
        "$ 1",
        "$" + "(" * 500 + ")" * 500,
        "$" + "-" * 3000 + "1",
        "$1" + "+1" * 3000,
        "$__local_refs",
        "$print('x', file=@network)",
        "$print('@or').f_globals",
        "$os.environ['HOME']",
        "$os.environ",
        "$sys.path.append(@bundle_root)",
        "$json.load(@x)",
        "$functools.partial(monai.transforms.SaveImage, 'x')",
        "$torch.distributed.init_process_group(init_method='file:x')",
        "$monai.networks.nets.EfficientNetBN('efficientnet-b0')",
        "$monai.networks.nets.resnet50(True)",
        "$monai.losses.PerceptualLoss(3)",
        "$monai.apps.DecathlonDataset('.', 'Task01', 'training', download=True)",
        "$monai.data.LMDBDataset(@cases, None)",
    ],
)
def test_dangerous_expressions_are_found_and_not_run(tiny, tmp_path, monkeypatch, expression):
    monkeypatch.chdir(tmp_path)
    for place in ({"device": expression}, {"run": [{"_target_": "Compose", "transforms": [expression]}]}):
        found = change(tiny, **place)
        assert found, place
        assert {finding.file for finding in found} == {"configs/inference.json"}
        assert any(finding.text.startswith("expression ") for finding in found)
    assert not (tmp_path / "MARKER").exists()


@pytest.mark.parametrize(
    "expression",
    [
        "$@network.eval()",
        "$@network_def::in_channels + len(@patch_size) if @network_def else None",
        "$@network_def#in_channels",
        "$lambda x: (x['image'], x['label'])",
        "$lambda *_, **__: None",
        "$[k for _ in range(3) for k in @cases]",
        "$torch.distributed.get_rank() == 0",
        "$dist.is_initialized() or dist.init_process_group(backend='nccl')",
        "$monai.transforms.io.dictionary.LoadImaged(keys='image')",
        "$monai.transforms.LoadImage(reader='PILReader')",
        "$monai.transforms.LoadImage(monai.data.PILReader)",
        "$monai.data.PILReader",
        "$np.mean(@cases) * math.pi",
        "$np.float32",
        "$torch.nn.functional.softmax(@network, dim=1)",
        "$monai.utils.GridSampleMode.NEAREST",
        "$ignite.engine.Events.EPOCH_COMPLETED",
        "$setattr(torch.backends.cudnn, 'benchmark', True)",
        "$torch.device('cuda:' + os.environ['LOCAL_RANK'])",
        "$sorted(glob.glob(os.path.join(@dataset_dir, '*.nii.gz')))",
        "$[x.replace('.jpg', '_seg.jpg') for x in @cases]",
        "$@evaluator.logger.setLevel(logging.WARNING if dist.get_rank() > 0 else logging.INFO)",
        "$functools.partial(monai.data.list_data_collate)",
        "$monai.handlers.from_engine(['loss'], first=True)(@network)[0]",
        '$f"{@bundle_root}/models/model.pt"',
        "$@bundle_root + '/models/' + 'model.pt'",
        "$monai.data.PersistentDataset(@cases, None, @bundle_root + '/cache')",
    ],
)
def test_ordinary_expressions_pass(tiny, expression):
    imports = ["$import monai_attn", "$import math", "$import torch.distributed as dist", "$import numpy as np"]
    assert change(tiny, imports=imports, device=expression) == []


@pytest.mark.parametrize(
    "target",
    [
        *("os.system", "builtins.exec", "subprocess.run", "eval", "antigravity", "scripts.net.Net", "nibabel.load"),
        *("torch.load", "torch.hub.load", "torch.package.PackageImporter", "torch.jit.load", "torch.save", "no name"),
        *("torch.utils.cpp_extension.load", "torch.distributed.run.main", "torch._C._jit_init", "torch.from_file"),
        *("ignite.distributed.spawn", "ignite.handlers.DiskSaver", "ignite.handlers.WandBLogger", "torch.compile"),
        *("monai.bundle.run", "monai.bundle.download", "monai.bundle.ConfigWorkflow", "monai.data.CameraDataset"),
        *("monai.apps.download_and_extract", "monai.utils.module.instantiate", "monai.handlers.ClearMLHandler"),
        *("monai.data.utils.os.system", "monai_attn._shipped_bundles.shutil.rmtree", "monai_attn.cli.main"),
        *("monai_attn.bundle.plan", "monai_attn.bundle.render", "monai_attn.bundle.copy_bundle", "monai_attn.bundle"),
        *("monai_attn.demos.demo", "monai_attn.data.checks.os.remove", "monai_attn.bundle.linting.lint"),
        *("torch.utils.data.datapipes.utils.decoder.basichandlers", "torch.compiler.load_compiled_function"),
        *(
            "torch.utils.data.datapipes.iter.FileOpener",
            "torch.utils.tensorboard.SummaryWriter",
            "torch.nn.Module.apply",
        ),
        *("monai.data.utils.pd.read_pickle", "monai.utils.safe_eval", "safe_eval", "monai.transforms.CuCIM"),
        *(
            "run_cmd",
            "optional_import",
            "ConfigParser",
            "download_url",
            "AutoRunner",
            "algo_from_pickle",
            "TrtCompiler",
        ),
        *("LearningRateFinder", "StateCacher", "save_net_with_metadata", "TextEncoder", "lint"),
        *("$@a + 'b'", "$'os.' + 'system'", "$@network.forward", "@name", "%name", ""),
    ],
)
def test_targets_that_are_not_on_the_list_are_found(tiny, target):
    entry = {"_target_": target, "command": "touch x"}
    found = change(tiny, network={"_target_": "Compose", "transforms": [entry]})
    assert "network::transforms::0::_target_" in {finding.key for finding in found}


@pytest.mark.parametrize(
    "target",
    [
        *("UNet", "AttentionGatedUNet", "monai_attn.data.find_cases", "torch.nn.ReLU", "ignite.handlers.EarlyStopping"),
        *("monai.transforms.utility.array.ToTensor", "torch.utils.data.DataLoader", "torch.optim.lr_scheduler.StepLR"),
        *("monai.apps.vista3d.transforms.Relabeld", "DiceCELoss", "IgniteMetricHandler", "Novograd", "StatsHandler"),
        *("monai_attn.bundle.warm_start", "monai_attn.networks.load_weights", "monai_attn.load_weights"),
    ],
)
def test_ordinary_targets_pass(target):
    assert None not in find_targets(target)


def test_all_that_is_public_in_our_rooms_is_known():
    from monai_attn import data, engines, handlers, inferers, networks

    for room in (data, engines, handlers, inferers, networks):
        names = [f"{room.__name__}.{name}" for name in room.__all__ if callable(getattr(room, name))]
        assert [name for name in names if None in find_targets(name)] == []
