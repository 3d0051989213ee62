"""Which names a config may use: an allow-list of packages, and what in these runs, fetches or unpickles other things.

This reads names; it does not see what an object does. What it lets pass is written plainly, not proven harmless.
"""

import builtins
import re
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import Any

from monai.bundle import ComponentLocator

__all__ = [
    "CLASS_CALLERS",
    "CLASS_NAMES",
    "EXPRESSION_ROOTS",
    "IMPORTS",
    "SAFE_BUILTINS",
    "TARGET_ROOTS",
    "loaded",
    "name_objection",
    "path_objection",
    "target_objection",
]


def _words(text: str) -> set[str]:
    return set(text.split())


TARGET_ROOTS = {"monai", "monai_attn", "torch", "ignite"}
ARRAYS = {"np", "numpy"}  # MONAI gives expressions both names
EXPRESSION_ROOTS = TARGET_ROOTS | ARRAYS
IMPORTS = EXPRESSION_ROOTS | {"collections", "copy", "datetime", "functools", "glob", "itertools", "json", "math"}
IMPORTS |= {"random", "re", "time"}
SAFE_BUILTINS = _words(
    """
    abs all any bool bytes chr complex dict divmod enumerate filter float frozenset hash int isinstance
    issubclass iter len list map max min next ord pow print range repr reversed round set slice sorted str sum
    tuple zip
    """
)

# Names of standard modules that are those of ordinary functions and of MONAI's own modules, too.
ORDINARY = _words(
    """
    abc array bisect calendar chunk cmath collections copy csv dataclasses datetime decimal enum fractions
    functools glob graphlib hashlib heapq io itertools json math numbers queue random re select signal
    statistics string struct textwrap time token trace typing uuid warnings zlib
    """
)
MODULES = set(sys.stdlib_module_names) - ORDINARY
# Wherever they are found: they run code, open or fetch files, unpickle, or lead to what does.
MEMBERS = _words(
    """
    ag_frame attrgetter collect_env CompilationUnit ConfigParser ConfigWorkflow cpp_extension cr_frame
    create_workflow ctypeslib DataSource distutils dump dumps exact_version extractall f2py f_back f_builtins
    f_globals f_locals FileIO fork fromfile fromregex genfromtxt gi_code gi_frame hub import_module instantiate
    kill load load_cache_artifacts load_compiled_function load_from_mmar load_inline load_library load_module
    load_submodules load_url loads loadtxt locate memmap methodcaller mro open optional_import pickle_operations
    popen rmdir rmtree run_cmd safe_eval save savetxt savez savez_compressed system tb_frame tofile unlink
    urlopen urlretrieve write write_bytes write_text writelines
    """
)
PATTERNS = re.compile(r"download\w*|\w+_from_url|(exec|spawn)[lv]p?e?|\w*_from_pickle")
DENIED = (
    *("monai.bundle", "monai.fl", "monai.auto3dseg", "monai.utils.module", "monai.apps.auto3dseg", "monai.apps.nnunet"),
    *("monai.apps.mmars", "monai.apps.datasets", "monai.apps.tcia", "monai.apps.utils", "monai.config.check_env"),
    *("monai_attn.cli", "monai_attn.demo", "monai_attn.demo_training", "monai_attn.bundle.plan"),
    *("monai_attn.bundle.planning", "monai_attn.bundle.render", "monai_attn.bundle.render_spec"),
    *("monai_attn.bundle.copy_bundle", "torch.classes", "torch.export", "torch.fx", "torch.jit", "torch.library"),
    *(
        "torch.onnx",
        "torch.ops",
        "torch.utils.data.datapipes",
        "torch.package",
        "torch.serialization",
        "torch.storage",
        "torch.testing",
    ),
    *("numpy.testing", "numpy.lib", "numpy.compat"),
)
ONLY = {  # of these modules nothing but what is named
    "torch.distributed": "all_gather all_reduce barrier broadcast destroy_process_group get_rank get_world_size "
    "init_process_group is_available is_initialized is_nccl_available",
    "torch.utils": "checkpoint data tensorboard",
    "ignite": "contrib engine handlers metrics utils",
}
CLASS_NAMES = ("reader", "writer", "merger_cls")  # MONAI calls what these arguments name
CLASS_CALLERS = re.compile(r"(Load|Save)Image(d|D|Dict)?|SlidingWindowInferer\w*|PatchInferer")  # what has them
_locators: list[ComponentLocator] = []


def name_objection(name: str, builtin: bool = False) -> str | None:
    """Why a name is refused wherever it stands, ``None`` if it is not.

    Args:
        name: a variable's or an attribute's.
        builtin: whether it stands alone, so that it may be one of Python's functions.
    """
    if name.startswith("__"):
        return f"'{name}' is one of Python's internals"
    if name.startswith("_") and name.strip("_"):
        return f"'{name}' is private"
    if name in MODULES:
        return f"'{name}' is a module of Python that a config has no need of"
    if name in MEMBERS or PATTERNS.fullmatch(name):
        return f"'{name}' runs, opens, fetches, unpickles or writes something"
    if builtin and hasattr(builtins, name) and name not in SAFE_BUILTINS:
        return f"'{name}' is a function of Python that can run or reach anything"
    return None


def path_objection(parts: Sequence[str], roots: set[str] = EXPRESSION_ROOTS) -> str | None:
    """Why a dotted path is refused, ``None`` if it is not.

    Args:
        parts: of the path; the first is a package.
        roots: packages that are allowed.
    """
    for part in parts:
        if (objection := name_objection(part)) is not None:
            return objection
    if parts[0] not in roots:
        return f"'{parts[0]}' is none of {', '.join(sorted(roots))}"
    for start, part in enumerate(parts):
        if part in EXPRESSION_ROOTS:  # modules hold those that they import: monai.data.utils.torch is torch
            path = ".".join(["numpy" if part == "np" else part, *parts[start + 1 :]])
            if (objection := _denied(path) or _left_out(path)) is not None:
                return objection
    return _origin_objection(parts)


def loaded(parts: Sequence[str]) -> Any:
    """What a dotted path means in the modules that are loaded now, ``None`` where that cannot be told."""
    node: Any = sys.modules.get("numpy" if parts[0] == "np" else parts[0])
    for part in parts[1:]:
        node = vars(node).get(part) if isinstance(node, ModuleType) else None
    return node


def _origin_objection(parts: Sequence[str]) -> str | None:
    """An objection to where a path ends up, whatever it is called on the way there."""
    for end in range(1, len(parts) + 1):
        node = loaded(parts[:end])
        if isinstance(node, ModuleType) and node.__name__.split(".")[0] not in IMPORTS | ORDINARY | MODULES:
            return f"'{'.'.join(parts[:end])}' is the module '{node.__name__}', of another package"
        origin = node.__name__ if isinstance(node, ModuleType) else getattr(node, "__module__", None)
        if not isinstance(origin, str) or not (callable(node) or isinstance(node, ModuleType)):
            continue
        if origin.split(".")[0] in MODULES:
            return f"'{'.'.join(parts[:end])}' comes from Python's module '{origin}'"
        if (objection := _denied(f"{origin}.{parts[end - 1]}")) is not None:
            return objection
    return None


def _denied(path: str) -> str | None:
    for denied in DENIED:
        if f"{path}.".startswith(f"{denied}."):
            return f"'{denied}' runs, fetches, unpickles or writes other things"
    return None


def _left_out(path: str) -> str | None:
    for module, names in ONLY.items():
        rest = path.removeprefix(f"{module}.").split(".")[0]
        if path.startswith(f"{module}.") and rest not in names.split():
            return f"of '{module}', '{rest}' is not among what configs need ({names.replace(' ', ', ')})"
    return None


def target_objection(target: str) -> str | None:
    """Why ``_target_``, or another argument that MONAI takes for a class's name, is refused; ``None`` if it is not.

    Nothing is imported: a short name is looked up among the modules of MONAI and of ours that are loaded already.
    """
    parts = target.split(".")
    if not all(part.isidentifier() for part in parts):
        return f"'{target}' is no name"
    if len(parts) > 1:
        return path_objection(parts, TARGET_ROOTS)
    if not _locators:
        _locators.append(ComponentLocator())
    modules = _locators[0].get_component_module_name(target)
    if modules is None:  # MONAI would look among Python's functions, and then import a module of that name
        return f"'{target}' is no component of monai or monai_attn"
    for module in [modules] if isinstance(modules, str) else modules:
        if module.split(".")[0] in TARGET_ROOTS:
            if (objection := path_objection([*module.split("."), target], TARGET_ROOTS)) is not None:
                return f"{objection} ({module}.{target})"
        else:
            return f"'{target}' is in '{module}'"
    return None
