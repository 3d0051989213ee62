"""The one table of what a command line may set: its kind and range, whether training depends on it, whose it is."""

import math
from typing import Literal, NamedTuple

__all__ = ["RANGES", "SWITCHES", "Switch", "names_of_data", "names_without_effect"]

Kind = Literal["count", "amount", "share", "overlap", "number", "flag", "sizes", "path", "name", "names", "part"]

RANGES: dict[Kind, tuple[float, float, str]] = {  # least, most, and both in words
    "count": (1, math.inf, "at least 1"),
    "amount": (0, math.inf, "at least 0"),
    "share": (0, 1, "from 0 to 1"),
    "overlap": (0, math.nextafter(1, 0), "at least 0 and less than 1"),
    "number": (-math.inf, math.inf, "a number"),
}


class Switch(NamedTuple):
    """One top-level key of the configs.

    Attributes:
        kind: what its value is; "part" is a part of the config that holds components.
        learnt: whether what a training run learns depends on it, so that a resumed one names its change.
        of_data: whether it belongs to the data set, so that a bundle planned from another one does not take it over.
    """

    kind: Kind
    learnt: bool = True
    of_data: bool = False


SWITCHES: dict[str, Switch] = {
    # where things are
    "bundle_root": Switch("path", learnt=False),
    "dataset_dir": Switch("path", learnt=False, of_data=True),
    "output_dir": Switch("path", learnt=False),
    "ckpt_path": Switch("path", learnt=False),
    "ckpt_paths": Switch("names", learnt=False),
    "reference_weights": Switch("path", learnt=False),
    "device": Switch("name", learnt=False),
    # the data set
    "channel_names": Switch("names", of_data=True),
    "class_names": Switch("names", learnt=False),  # a checkpoint's settings have them
    "patient_column": Switch("name", of_data=True),
    "patient_regex": Switch("name", of_data=True),
    "trust_image_header": Switch("flag", of_data=True),
    "fold": Switch("name", of_data=True),
    # loading
    "num_workers": Switch("amount", learnt=False),
    "cache_rate": Switch("share", learnt=False, of_data=True),
    # training
    "seed": Switch("number"),
    "max_epochs": Switch("count", learnt=False),
    "val_interval": Switch("count"),
    "learning_rate": Switch("amount"),
    "batch_size": Switch("count"),
    "repeats": Switch("count"),
    "patch_size": Switch("sizes"),
    "padding_value": Switch("number"),
    "amp": Switch("flag"),
    # from other weights
    "pretrained": Switch("path", learnt=False, of_data=True),
    "skip_head": Switch("flag", learnt=False, of_data=True),
    "adapt_input": Switch("name", learnt=False, of_data=True),
    "freeze_encoder_epochs": Switch("amount", of_data=True),
    # prediction
    "sw_batch_size": Switch("count", learnt=False),
    "sw_overlap": Switch("overlap"),
    "roi_size": Switch("sizes"),
    "tta": Switch("flag"),
    "tta_axes": Switch("names"),
    "left_right_pairs": Switch("names"),
    "skip_existing": Switch("flag"),
    "surface_tolerance": Switch("amount"),
    "distance_unit": Switch("name"),
    # parts that build nothing a network learns from
    **dict.fromkeys(("_desc_", "imports", "initialize", "run", "finalize"), Switch("part", learnt=False)),
    **dict.fromkeys(("overlay_of", "trackers"), Switch("part", learnt=False)),
    **dict.fromkeys(("log_dir", "tracking_uri", "experiment_name", "run_name", "split"), Switch("part", learnt=False)),
}


def names_without_effect() -> set[str]:
    """Keys that may differ in a resumed training run without changing what it learns."""
    return {name for name, switch in SWITCHES.items() if not switch.learnt}


def names_of_data() -> set[str]:
    """Keys that belong to the data set rather than to the bundle."""
    return {name for name, switch in SWITCHES.items() if switch.of_data}
