import pytest

from demogen.errors import RecipeError
from zoo_recipes import list_recipes, load_recipe

TINY = "tests/data/tiny.toml"


def write(tmp_path, change=("", "")):
    path = tmp_path / "mine.toml"
    with open(TINY) as file:
        text = file.read()
    assert change[0] in text
    path.write_text(text.replace(*change, 1))
    return path


@pytest.mark.parametrize(
    ("name", "count", "levels"),
    [
        (
            "nin-cifar10",
            216,
            {
                "width": [192, 288, 384],
                "batch_norm": [False, True],
                "dropout": [0, 0.2, 0.5],
                "l2": [0, 0.001, 0.005],
                "augmentation": [[], ["crop", "flip", "shift"]],
                "copy_number": [1, 2],
            },
        ),
        (
            "digits",
            96,
            {
                "width": [32, 48],
                "batch_norm": [False, True],
                "dropout": [0, 0.1],
                "l2": [0, 0.0001],
                "corruption": [0, 0.2, 0.4],
                "copy_number": [1, 2],
            },
        ),
    ],
)
def test_collections_have_the_published_grid(name, count, levels):
    networks = load_recipe(name).networks()
    assert len({spec.id for spec in networks}) == count
    for factor, expected in levels.items():
        found = [spec.factors()[factor] for spec in networks]
        assert [level for n, level in enumerate(found) if level not in found[:n]] == expected
        assert {found.count(level) for level in expected} == {count // len(expected)}


def test_nin_cifar10_trains_as_the_paper_says():
    training = load_recipe("nin-cifar10").networks()[0].training
    assert (training.optimizer, training.momentum, training.learning_rate) == ("sgd", 0.9, 0.01)
    assert (training.batch_size, training.epochs, training.decay_epochs) == (128, 380, 100)
    assert load_recipe("nin-cifar10").printed_results["margin-quartiles-log"] == {
        "adjusted_r2": 0.94,
        "kfold_r2": 0.90,
        "rmse_points": 1.5,
    }


def test_every_recipe_loads_and_is_named_like_its_file():
    for name in list_recipes():
        recipe = load_recipe(name)
        assert recipe.name == name
        assert recipe.choices
        assert len({spec.seed for spec in recipe.networks()}) == len(recipe.networks())


def test_ids_and_digest_are_pinned():
    recipe = load_recipe(TINY)
    assert recipe.networks()[0].id == "nin-w4-c1-ed5908390ccb"
    assert load_recipe(TINY).digest == recipe.digest
    other = recipe.with_training(epochs=1)
    assert other.digest != recipe.digest
    assert {spec.training.epochs for spec in other.networks()} == {1}


def test_parts_nest_and_spread_over_the_grid():
    recipe = load_recipe("nin-cifar10")
    part, more = recipe.first(12), recipe.first(24)
    assert [spec.id for spec in more[:12]] == [spec.id for spec in part]
    assert len({spec.architecture.width for spec in part}) == 3
    assert recipe.first(None) == recipe.first(1000) == recipe.networks()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("batch_size", "batch_sise"), "unknown key .*batch_sise.*did you mean 'batch_size'"),
        (("copies =", "copeis ="), "unknown key 'copeis'; did you mean 'copies'"),
        (("epochs = 8", "epochs = 0"), "training.epochs: .*greater than or equal to 1"),
        (('"nin"', '"nnin"'), "no architecture family 'nnin'; did you mean 'nin'"),
        (('"digits"', '"digit"'), "no image set 'digit'; did you mean 'digits'"),
        (("width = [4, 6, 8]", "widht = [4]"), "factor of nin networks 'widht'; did you mean"),
        (("[4, 6, 8]", "[4, 4]"), "a level of its grid is listed twice"),
        (("[4, 6, 8]", "[]"), "grid.width: List should have at least 1 item"),
        (("[4, 6, 8]", "[4, -6]"), "width: .*greater than or equal to 1"),
        (('name = "tiny"', 'name = "../tiny"'), "name: String should match pattern"),
        (("[grid]", "[grid"), "is not TOML"),
    ],
)
def test_faulty_recipes_are_one_clear_line(change, message, tmp_path):
    with pytest.raises(RecipeError, match=message) as error:
        load_recipe(write(tmp_path, change))
    assert "\n" not in str(error.value)


def test_missing_recipes_are_one_clear_line():
    with pytest.raises(RecipeError, match="no recipe 'digitz'; did you mean 'digits'"):
        load_recipe("digitz")
    with pytest.raises(RecipeError, match=r"no recipe file nowhere\.toml"):
        load_recipe("nowhere.toml")
