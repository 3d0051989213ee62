"""What a bundle in the manner of MONAI's model zoo does with each fault.

    PYTHONPATH=tests python tests/benchmarks/stock/main.py

With words behind it, only the faults that have one of them in their names. What it printed is in the second column of
docs/pages/reliability.md. It takes a quarter of an hour, and no GPU; without root the full disk is left out.
"""

import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import damage as d
from data_faults import DATA_FAULTS, FOLDERS, OPTIONS, SWITCHES
from experiments import EXPERIMENTS
from interruptions import INTERRUPTIONS
from stock_bundle import StockBundle


def spoilt_data(name: str, folder: Path) -> str:
    data = d.dataset(folder / "data")
    DATA_FAULTS[name](data)
    bundle = StockBundle(folder / "bundle")
    outcome = bundle.run("train", data, **OPTIONS.get(name, {}))
    said = f"{outcome}; {'names' if d.BAD in outcome.out else 'does not name'} the case"
    strange = [pair for pair in bundle.pairs(data) if pair[0] != pair[1]]
    return f"{said}; PAIRED {strange}" if strange else said


def odd_folder(name: str, folder: Path) -> str:
    d.dataset(folder / name)
    relative = name in ("a,b", "2024")  # what MONAI's command line takes for a list and for a number
    bundle = StockBundle(folder)
    return str(bundle.run("train", Path(name) if relative else folder / name))


def switch(name: str, folder: Path) -> str:
    bundle = StockBundle(folder / "bundle")
    said = str(bundle.run("train", d.dataset(folder / "data"), **SWITCHES[name]))
    return f"{said}; THE CODE RAN" if (folder / "bundle" / "ran").exists() else said


def all_faults() -> Iterator[tuple[str, Callable[[Path], str]]]:
    yield from ((name, partial(spoilt_data, name)) for name in DATA_FAULTS)
    yield from ((f"folder '{name}'", partial(odd_folder, name)) for name in FOLDERS)
    yield from ((name, partial(switch, name)) for name in SWITCHES)
    yield from (EXPERIMENTS | INTERRUPTIONS).items()


def main() -> None:
    """Print one line for each fault."""
    wanted = sys.argv[1:]
    for name, observe in all_faults():
        if wanted and not any(word in name for word in wanted):
            continue
        with tempfile.TemporaryDirectory() as folder:
            start = time.perf_counter()
            print(f"{name}: {observe(Path(folder))} ({time.perf_counter() - start:.0f} s)", flush=True)


if __name__ == "__main__":
    main()
