import csv

import pytest
import torch
from ignite.engine import Engine
from ignite.metrics import Average, MetricsLambda
from monai.data import MetaTensor
from monai.engines import SupervisedEvaluator
from monai.handlers import IgniteMetricHandler, from_engine
from monai.networks.utils import one_hot

from monai_attn.handlers import HausdorffDistance95, MacroDice, ScoreTable, SurfaceDice, is_better

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


@pytest.mark.parametrize("name", ["caf\udce9", "\udcff b"])
def test_a_name_that_is_not_utf8_costs_no_scores(tmp_path, caplog, name):
    caplog.set_level("INFO")
    engine = evaluator()
    ScoreTable(["head", "tail"], output_dir=tmp_path).attach(engine)
    engine.run(list(zip((name, "b", "c"), masks(), strict=True)))
    escaped = name.replace("\udce9", r"\udce9").replace("\udcff", r"\udcff")
    assert [row[0] for row in read(tmp_path / "dice_per_case.csv")] == ["case", escaped, "b", "c"]
    assert caplog.text.encode().count(escaped.encode()) == 1


def test_the_tables_have_every_case_and_class(tmp_path, caplog):
    caplog.set_level("INFO")
    engine = evaluator()
    ScoreTable(["head", "tail"], output_dir=tmp_path / "new").attach(engine)
    engine.run(list(zip(CASES, masks(), strict=True)))
    assert read(tmp_path / "new" / "dice_per_case.csv") == [
        ["case", "head", "tail", "mean"],
        ["a", "0.6667", "0.6667", "0.6667"],
        ["b", "1.0000", "1.0000", "1.0000"],
        ["c", "n/a", "1.0000", "1.0000"],
    ]
    assert read(tmp_path / "new" / "dice_per_class.csv") == [
        ["class", "mean", "std", "min", "max", "cases", "missed"],
        ["head", "0.8333", "0.1667", "0.6667", "1.0000", "2", "0"],
        ["tail", "0.8889", "0.1571", "0.6667", "1.0000", "3", "0"],
        ["mean", "0.8611", "", "", "", "3", "0"],
    ]
    assert "Dice over 3 cases: head 0.8333, tail 0.8889, mean 0.8611" in caplog.text
    assert "Dice of c: head n/a, tail 1.0000, mean 1.0000" in caplog.text


def test_a_class_absent_from_all_cases_does_not_count(tmp_path):
    pairs = masks()[2:]
    engine = evaluator()
    ScoreTable(["head", "tail"], output_dir=tmp_path).attach(engine)
    engine.run([(CASES[2], pairs[0])])
    assert engine.state.metrics["val_mean_dice"] == 1
    assert read(tmp_path / "dice_per_class.csv")[1] == ["head", "n/a", "n/a", "n/a", "n/a", "0", "0"]


def test_a_second_epoch_starts_anew(tmp_path):
    engine = evaluator()
    ScoreTable(["head", "tail"], output_dir=tmp_path).attach(engine)
    for _ in range(2):
        engine.run(list(zip(CASES, masks(), strict=True)))
    assert len(read(tmp_path / "dice_per_case.csv")) == 4


def test_the_wrong_number_of_names_is_refused():
    engine = evaluator()
    ScoreTable(["only one"]).attach(engine)
    with pytest.raises(ValueError, match=r"class_names=\['only one'\] are 1 .*name each class but the background"):
        engine.run(list(zip(CASES, masks(), strict=True)))


def test_no_case_is_no_score():
    with pytest.raises(ValueError, match="no case was scored"):
        MacroDice().aggregate()


def boxes(shift: int) -> tuple[torch.Tensor, torch.Tensor]:
    """A box and the same box some voxels further along the first axis, one-hot with background and an absent class."""
    reference = torch.zeros(1, 20, 12, 12)
    reference[:, 3:9, 3:9, 3:9] = 1
    moved = torch.roll(reference, shift, dims=1)
    return one_hot(moved[None], 3)[0], one_hot(reference[None], 3)[0]


@pytest.mark.parametrize(("unit", "expected"), [("mm", 4 * 2.5), ("voxel", 4)])
def test_distances_are_in_mm_by_the_references_affine(unit, expected):
    pred, label = boxes(shift=4)
    metric = HausdorffDistance95(unit)
    metric([pred], [MetaTensor(label, affine=torch.diag(torch.tensor([-2.5, 1.0, 1.0, 1.0])))])
    assert metric.get_buffer()[0, 0] == pytest.approx(expected)
    assert metric.get_buffer()[0, 1].isnan()  # the class that neither has
    assert metric.aggregate() == pytest.approx(expected)


def test_surface_dice_counts_what_lies_within_the_tolerance():
    pred, label = boxes(shift=1)
    label = MetaTensor(label, affine=torch.diag(torch.tensor([2.0, 1.0, 1.0, 1.0])))
    scores = {}
    for tolerance in (0.5, 2.0):
        metric = SurfaceDice(tolerance)
        metric([pred], [label])
        scores[tolerance] = float(metric.aggregate())
    assert scores[2.0] == 1
    assert 0.3 < scores[0.5] < 0.9


def test_a_missed_class_is_infinitely_far_scores_zero_and_is_counted(tmp_path, caplog):
    caplog.set_level("INFO")
    pred, label = boxes(shift=0)
    nothing = one_hot(torch.zeros(1, 1, 20, 12, 12), 3)[0]
    metrics = {"hd95": HausdorffDistance95("voxel"), "surface_dice": SurfaceDice(1.0, "voxel")}

    def step(engine, pair):
        engine.state.batch = [{"case": pair[0]}]
        return [{"pred": pair[1], "label": label}]

    engine = Engine(step)
    for name, metric in metrics.items():
        handler = IgniteMetricHandler(metric_fn=metric, output_transform=from_engine(["pred", "label"]))
        handler.attach(engine, f"val_{name}")
    names = {name: f"val_{name}" for name in metrics}
    ScoreTable(["box", "nothing"], metrics=names, output_dir=tmp_path).attach(engine)
    engine.run([("a", pred), ("b", nothing)])
    assert read(tmp_path / "hd95_per_case.csv")[2] == ["b", "inf", "n/a", "n/a"]
    assert read(tmp_path / "hd95_per_class.csv")[1] == ["box", "0.0000", "0.0000", "0.0000", "0.0000", "2", "1"]
    assert read(tmp_path / "surface_dice_per_class.csv")[1][:2] == ["box", "0.5000"]
    assert "Surface dice over 2 cases: box 0.5000, nothing n/a, mean 0.5000" in caplog.text


@pytest.mark.parametrize("metric", [HausdorffDistance95, lambda unit: SurfaceDice(1.0, unit)])
def test_an_unknown_unit_is_named(metric):
    with pytest.raises(ValueError, match=r"unit='cm' is unknown: use one of mm, voxel"):
        metric("cm")


def test_a_negative_tolerance_is_refused():
    with pytest.raises(ValueError, match=r"tolerance=-1 must not be negative"):
        SurfaceDice(-1)


NAN = float("nan")


@pytest.mark.parametrize(
    ("scores", "best", "epoch"),
    [
        ([NAN, 0.2, 0.1], 0.2, 2),
        ([NAN, NAN, 0.0], 0.0, 3),
        ([0.1, NAN, 0.3], 0.3, 3),
        ([0.3, NAN, 0.1], 0.3, 1),
        ([0.1, 0.1], 0.1, 1),
    ],
)
def test_a_validation_without_a_score_is_not_the_best(scores, best, epoch):
    """With MONAI's own comparison the first score stays the best, since nothing is higher than NaN."""
    seen = iter(scores)
    evaluator = SupervisedEvaluator(
        device=torch.device("cpu"),
        val_data_loader=[{"image": torch.zeros(1, 1), "label": torch.zeros(1, 1)}],
        network=torch.nn.Identity(),
        key_val_metric={"score": MetricsLambda(lambda _: next(seen), Average(output_transform=lambda _: 0.0))},
        metric_cmp_fn=is_better,
    )
    for number in range(len(scores)):
        evaluator.run(number + 1)
    assert (evaluator.state.best_metric, evaluator.state.best_metric_epoch) == (best, epoch)
