import logging

import pytest

from monai_attn.handlers._resume_checks import check_resumable, digest

SETTINGS = {"classes": ["liver"], "batch_size": 2}
CONFIG = {"loss": digest({"weight": 1.0}), "augmentation": digest([])}
DATA = {"training": {"a": "1", "b": "2"}, "validation": {"c": "3"}}
STATE = {"settings": SETTINGS, "config": CONFIG, "data": DATA}


def test_the_same_training_has_nothing_to_say(caplog):
    check_resumable("x.pt", STATE, SETTINGS, CONFIG, DATA)
    assert caplog.records == []


def test_parts_of_the_config_that_changed_are_named(caplog):
    changed = {**CONFIG, "loss": digest({"weight": 2.0}), "augmentation": digest(["flip"])}
    with caplog.at_level(logging.WARNING):
        check_resumable("x.pt", STATE, {**SETTINGS, "batch_size": 4}, changed, DATA)
    assert [record.getMessage() for record in caplog.records] == [
        "batch_size=4, until the checkpoint it was 2",
        "the config's augmentation, loss changed since the checkpoint",
    ]


def test_a_training_whose_config_is_not_known_is_not_check_resumabled_with_it(caplog):
    check_resumable("x.pt", STATE, SETTINGS, {}, DATA)
    assert caplog.records == []


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"training": {"a": "1", "b": "9"}, "validation": {"c": "3"}}, r"case 'b' changed since 'x\.pt' \(1 case"),
        ({"training": {"a": "1"}, "validation": {"c": "3"}}, r"case 'b' is gone since"),
        ({"training": {"a": "1", "b": "2", "d": "4"}, "validation": {"c": "3"}}, r"case 'd' is new since"),
        ({"training": {"a": "1", "c": "3"}, "validation": {"b": "2"}}, r"case 'b' changed sides since .* \(2 case"),
    ],
)
def test_other_cases_are_refused(data, message):
    with pytest.raises(ValueError, match=message):
        check_resumable("x.pt", STATE, SETTINGS, CONFIG, data)
