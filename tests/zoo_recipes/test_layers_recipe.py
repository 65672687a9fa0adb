"""A collection with an architecture of its own: the recipe on the page, from TOML to signatures."""

import re
from pathlib import Path

import pytest

import baselines
from demogen import measure
from demogen.errors import NotMeasurable, RecipeError
from demogen.networks.network import Access
from demogen.networks.padded import PaddedConv2d
from demogen.networks.size import network_size
from zoo_recipes import build_zoo, load_recipe
from zoo_recipes.cli import recipes

PAGE = (Path(__file__).parents[2] / "docs" / "recipes.md").read_text()
(TOML,) = (text for text in re.findall(r"```toml\n(.*?)```", PAGE, re.S) if '"layers"' in text)


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("recipe") / "layers-digits.toml"
    path.write_text(TOML)
    return path


@pytest.fixture(scope="module")
def zoo(file, tmp_path_factory):
    return build_zoo(load_recipe(file), tmp_path_factory.mktemp("zoos") / "layers", workers=1)


def test_networks_are_trained_stored_and_loaded(zoo):
    assert len(zoo) == 4
    assert zoo.manifest.format_version == 2
    zoo.verify()
    network = zoo[zoo.ids[0]]
    assert isinstance(network.module.get_submodule("conv1"), PaddedConv2d)
    assert network.initial.get_submodule("conv1").weight.shape == (8, 1, 3, 3)
    assert set(zoo.table["family"]) == {"layers"}
    assert zoo.record(zoo.ids[0]).parameters == network_size(network.spec).parameters
    assert not {"layers", "input_shape", "taps"} & set(zoo.table)


@pytest.mark.parametrize("key", {repr(p.measure): p.measure for p in baselines.ALL})
def test_every_measure_gives_a_signature(zoo, key):
    measures = {repr(p.measure): p.measure for p in baselines.ALL}
    network = zoo[zoo.ids[0]]
    if Access.SIBLINGS in measures[key].access:
        with pytest.raises(NotMeasurable, match="no other network of its configuration"):
            measure(measures[key], network)
        return
    assert measure(measures[key], network) or key == "Nothing()"


def test_the_recipe_is_shown_in_words(file, capsys):
    recipes.main(["show", str(file)], standalone_mode=False)
    shown = capsys.readouterr().out
    assert "conv out=8 kernel=3 stride=2 padding=same" in shown.replace("\n" + " " * 16, " ")
    assert all(len(line) <= 100 for line in shown.splitlines())


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("out = 10", "out = 9", "9 logits do not fit 10 classes"),
        ("[1, 8, 8]", "[3, 8, 8]", r"inputs of \(3, 8, 8\) do not fit images of \(1, 8, 8\)"),
        ('{ kind = "flatten" },', "", r"layer 7 \(dense\): it takes flat samples"),
        ("kernel = 3, stride", "kernle = 3, stride", "unknown key .*kernle.*did you mean 'kernel'"),
    ],
)
def test_a_faulty_one_is_one_clear_line(tmp_path, old, new, message):
    path = tmp_path / "faulty.toml"
    assert old in TOML
    path.write_text(TOML.replace(old, new, 1))
    with pytest.raises(RecipeError, match=message) as caught:
        load_recipe(path)
    assert "\n" not in str(caught.value)


def test_networks_are_not_chosen_by_their_layers(file):
    with pytest.raises(RecipeError, match="layers is no column"):
        load_recipe(file).where({"layers": [[]]}).networks()
