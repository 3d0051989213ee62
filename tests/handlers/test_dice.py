import csv

import pytest
import torch
from ignite.engine import Engine
from monai.handlers import IgniteMetricHandler, from_engine
from monai.networks.utils import one_hot

from monai_attn.handlers import DiceTable, MacroDice

CASES = ("a", "b", "c")


def masks() -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Three pairs (prediction, reference) of 12 voxels, channel-first."""
    a = torch.tensor([1, 1, 1, 1, 2, 2, 0, 0, 0, 0, 0, 0])
    b = torch.tensor([1, 1, 0, 0, 2, 2, 2, 2, 0, 0, 0, 0])
    c = torch.tensor([0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 0, 0])  # class 1 is absent
    return [(a[None], b[None]), (b[None], b[None]), (a[None], c[None])]


# Class 1: 2*2/(4+2), 1, n/a. Class 2: 2*2/(2+4), 1, 1.
DICE = torch.tensor([[2 / 3, 2 / 3], [1, 1], [torch.nan, 1]])


def evaluator() -> Engine:
    def step(engine, pair):
        name, (pred, label) = pair
        engine.state.batch = [{"case": name}]  # as MONAI's evaluator leaves it
        return [{key: one_hot(mask[None], 3)[0] for key, mask in (("pred", pred), ("label", label))}]

    engine = Engine(step)
    metric = IgniteMetricHandler(metric_fn=MacroDice(), output_transform=from_engine(["pred", "label"]))
    metric.attach(engine, "val_mean_dice")
    return engine


def read(path):
    with path.open() as file:
        return list(csv.reader(file))


def test_the_mean_is_over_cases_then_over_classes_and_absent_is_not_zero():
    engine = evaluator()
    engine.run(list(zip(CASES, masks(), strict=True)))
    expected = (5 / 3 / 2 + 8 / 3 / 3) / 2
    assert engine.state.metrics["val_mean_dice"] == pytest.approx(expected)
    assert expected != pytest.approx(float(DICE.nanmean(1).nanmean()))  # MONAI's order would differ here
    torch.testing.assert_close(engine.state.metric_details["val_mean_dice"], DICE, equal_nan=True)


def test_the_tables_have_every_case_and_class(tmp_path, caplog):
    caplog.set_level("INFO")
    engine = evaluator()
    DiceTable(["head", "tail"], output_dir=tmp_path / "new").attach(engine)
    engine.run(list(zip(CASES, masks(), strict=True)))
    assert read(tmp_path / "new" / "dice_per_case.csv") == [
        ["case", "head", "tail", "mean"],
        ["a", "0.6667", "0.6667", "0.6667"],
        ["b", "1.0000", "1.0000", "1.0000"],
        ["c", "n/a", "1.0000", "1.0000"],
    ]
    assert read(tmp_path / "new" / "dice_per_class.csv") == [
        ["class", "mean", "std", "min", "max", "cases"],
        ["head", "0.8333", "0.1667", "0.6667", "1.0000", "2"],
        ["tail", "0.8889", "0.1571", "0.6667", "1.0000", "3"],
        ["mean", "0.8611", "", "", "", "3"],
    ]
    assert "Dice over 3 cases: head 0.8333, tail 0.8889, mean 0.8611" in caplog.text
    assert "Dice of c: head n/a, tail 1.0000, mean 1.0000" in caplog.text


def test_a_class_absent_from_all_cases_does_not_count(tmp_path):
    pairs = masks()[2:]
    engine = evaluator()
    DiceTable(["head", "tail"], output_dir=tmp_path).attach(engine)
    engine.run([(CASES[2], pairs[0])])
    assert engine.state.metrics["val_mean_dice"] == 1
    assert read(tmp_path / "dice_per_class.csv")[1] == ["head", "n/a", "n/a", "n/a", "n/a", "0"]


def test_a_second_epoch_starts_anew(tmp_path):
    engine = evaluator()
    DiceTable(["head", "tail"], output_dir=tmp_path).attach(engine)
    for _ in range(2):
        engine.run(list(zip(CASES, masks(), strict=True)))
    assert len(read(tmp_path / "dice_per_case.csv")) == 4


def test_the_wrong_number_of_names_is_refused():
    engine = evaluator()
    DiceTable(["only one"]).attach(engine)
    with pytest.raises(ValueError, match=r"class_names=\['only one'\] are 1 .*name each class but the background"):
        engine.run(list(zip(CASES, masks(), strict=True)))


def test_no_case_is_no_score():
    with pytest.raises(ValueError, match="no case was scored"):
        MacroDice().aggregate()
