from __future__ import annotations

from bench.analysis.changed_settings import changed_settings, flatten
from bench.config import canonical
from tests.analysis.demo_rows import cell, row


def test_a_cell_becomes_dotted_settings():
    flat = flatten(cell(augmentation=["crop"]).json)
    assert flat["optimizer"] == "sgd"
    assert flat["optimizer.lr"] == "0.1"
    assert flat["dropout.rate"] == "0"
    assert flat["augmentation"] == "crop"
    assert flat["steps"] == "none"


def test_parts_in_lists_and_mappings_are_followed():
    flat = flatten(
        canonical({"augmentation": [{"name": "crop", "parameters": {"padding": 4}}], "phases": [{"until": 3}], "dataset": {"name": "d", "parameters": {}}})
    )
    assert flat == {"augmentation": "crop", "augmentation.crop.padding": "4", "phases": "(until=3)", "dataset": "d"}


def test_a_setting_that_only_one_side_has_is_absent_on_the_other():
    old, new = cell(), cell()
    later = {**row(new, 0, {}), "cell": new.json.replace('"width":64', '"depth":2,"width":64'), "cell_id": "other"}
    assert [str(setting) for setting in changed_settings([(row(old, 0, {}), later)])] == ["model.depth: absent -> 2"]


def test_the_same_cell_changed_nothing():
    assert changed_settings([(row(cell(), seed, {}), row(cell(), seed, {})) for seed in range(3)]) == ()
