from pathlib import Path

import pandas as pd

from leaderboard.papers.deviations import Change, changes
from zoo_recipes import load_recipe
from zoo_recipes.entry_point import in_full

TINY = Path(__file__).parents[2] / "data" / "tiny.toml"


def table_of(recipe, limit=None):
    return pd.DataFrame([spec.factors() for spec in recipe.first(limit)])


def test_a_zoo_of_the_whole_recipe_cuts_nothing_down(tiny_zoo):
    assert changes(tiny_zoo.table, in_full(load_recipe(TINY)).levels) == []


def test_levels_left_out_and_settings_changed_are_named():
    recipe = load_recipe("nin-cifar10")
    part = recipe.where({"width": [288], "augmentation": [["crop", "flip", "shift"]]})
    part = part.with_settings(train_size=2500, steps=4000)
    found = {change.factor: change for change in changes(table_of(part), in_full(recipe).levels)}
    assert found == {
        "width": Change("width", (288,), (192, 288, 384)),
        "augmentation": Change(
            "augmentation", (("crop", "flip", "shift"),), ((), ("crop", "flip", "shift"))
        ),
        "train_size": Change("train_size", (2500,), (None,)),
        "epochs": Change("epochs", (None,), (380,)),
        "steps": Change("steps", (4000,), (None,)),
    }
    assert [str(found[factor]) for factor in ("augmentation", "train_size", "epochs")] == [
        "augmentation: crop+flip+shift (in full: none, crop+flip+shift)",
        "train_size: 2500 (in full: not set)",
        "epochs: not set (in full: 380)",
    ]


def test_a_limit_cuts_down_what_it_leaves_out():
    recipe = load_recipe("nin-cifar10")
    table = table_of(recipe, 2)
    found = {change.factor: change for change in changes(table, in_full(recipe).levels)}
    for factor in ("width", "batch_norm", "dropout", "l2", "copy_number"):
        levels = set(table[factor])
        assert (
            set(found[factor].here if factor in found else in_full(recipe).levels[factor]) == levels
        )
    assert "epochs" not in found


def test_levels_of_its_own_stand_after_those_of_the_collection():
    table = pd.DataFrame({"batch_norm": [True, True, True], "width": [5, 64, 8]})
    found = changes(table, {"batch_norm": (False, True), "width": (64, 32, 8)})
    assert list(map(str, found)) == [
        "batch_norm: yes (in full: no, yes)",
        "width: 64, 8, 5 (in full: 64, 32, 8)",
    ]
