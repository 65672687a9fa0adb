"""Recipes as the command line and the page docs/recipes.md show them."""

import json
import re
from pathlib import Path

import pytest

from demogen.cli import main
from tests.zoo_recipes.published import IMAGENET, PUBLISHED, load_cached
from zoo_recipes import list_recipes, load_recipe

PAGE = (Path(__file__).parents[2] / "docs" / "recipes.md").read_text()


def output(*arguments, capsys):
    main(list(arguments))
    return capsys.readouterr().out


def test_the_list_names_every_collection_with_its_paper(capsys):
    main(["recipes", "--format", "json"])
    printed = capsys.readouterr()
    rows = json.loads(printed.out)
    assert {row["recipe"]: (row["paper"], row["networks"]) for row in rows} == {
        name: (load_cached(name).paper.key, PUBLISHED[name][0]) for name in list_recipes()
    }
    assert [row["paper"] for row in rows] == sorted(row["paper"] for row in rows)
    total = sum(count for count, _, _ in PUBLISHED.values())
    assert printed.err == f"{len(PUBLISHED)} collections, {total:,} networks\n"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (
            "nin-cifar10",
            [
                "216 networks: all 108 configurations (3 x 2 x 3 x 3 x 2), 2 copies each",
                "width 192, 288, 384 72",
                "augmentation none, crop+flip+shift 108",
                "margin-quartiles-log 0.94 0.90 1.5",
                "jacobian-margin-log 0.42 - 5.0",
                "h3.lower_fence 188.59 3.4e-31",
                "weights on disk 1.9 GB",
                "training at most 3.11 EFLOP, about 86 hours at 10 TFLOP/s",
            ],
        ),
        (
            "vgg16-cifar100",
            [
                "80 networks: a balanced design of 80 of the 1,296 configurations",
                "batch_norm false, true 40",
            ],
        ),
        (
            IMAGENET,
            ["5 networks: 5 configurations", "model A: the fixed settings", "model A 0.732 0.657"],
        ),
        (
            "mlp-large-cifar10",
            [
                "2,160 networks: a sample of 1,080 matched pairs of the 142,800 configurations",
                "where optimizer = lbfgs: steps = 2684, batch_size = 50000, learning_rate = 1",
            ],
        ),
        (
            "convnet3-cifar10-pretrain",
            [
                "9 networks: 8 configurations and 1 further",
                "random labels: corruption = 1, test_corruption = 1",
            ],
        ),
        ("mlp-boundaries-mnist", ["1 network: 1 configuration fixed settings"]),
        ("mlp-trajectory-mnist", ["128 networks: 1 configuration, 128 copies each"]),
    ],
)
def test_a_collection_is_shown_within_100_columns(name, shown, capsys):
    text = output("recipes", "show", name, capsys=capsys)
    assert max(map(len, text.splitlines())) <= 100
    plain = " ".join(text.split())
    assert [part for part in shown if part not in plain] == []
    for choice in load_cached(name).choices:
        assert " ".join(choice.split()) in plain


def test_the_page_lists_every_collection():
    rows = re.findall(r"^\| `([a-z0-9-]+)` \| ([\d,]+) \| (\S+) \| (.+?) \|", PAGE, re.MULTILINE)
    assert {name: (count, key, section) for name, count, key, section in rows} == {
        name: (f"{recipe.count:,}", recipe.paper.key, recipe.paper.section)
        for name, recipe in ((name, load_cached(name)) for name in PUBLISHED)
    }


def test_the_page_names_every_key_of_a_recipe():
    for key in type(load_cached("digits")).model_fields:
        assert f"| `{key}` |" in PAGE or f"| `[{key}]` |" in PAGE or f"| `[[{key}]]` |" in PAGE


def test_the_example_on_the_page_is_what_the_page_says(tmp_path):
    text, _ = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "example.toml").write_text(text)
    recipe = load_recipe(tmp_path / "example.toml")
    assert "It has 14 networks" in PAGE
    assert recipe.count == len(recipe.networks()) == 14
    for spec in recipe.networks():
        decays = spec.training.learning_rate == 0.1
        assert spec.training.decay_epochs == (20 if decays else None)
