import pytest

from demogen.errors import RecipeError
from zoo_recipes import load_recipe
from zoo_recipes.overrides import changed, parsed_settings


@pytest.fixture(scope="module")
def nin():
    return load_recipe("nin-cifar10")


def test_levels_of_every_type_choose_networks(nin):
    for text, count in [
        ("width=192,288", 144),
        ("batch_norm=true", 108),
        ("dropout=0.0, 0.5", 144),
        ("augmentation=[]", 108),
        ('augmentation=["crop", "flip", "shift"]', 108),
        ("copy_number=1", 108),
    ]:
        assert changed(nin, [text], {})[0].count == count, text
    both = changed(nin, ["width=192", "width=288", "l2=0.001"], {})[0]
    assert {spec.architecture.width for spec in both.networks()} == {192, 288}
    assert both.count == 48


def test_bare_words_are_strings():
    mlp = load_recipe("mlp-small-mnist")
    part, name = changed(mlp, ["activation=relu,relu6", "depth=2"], {"steps": 10})
    assert {spec.architecture.activation for spec in part.networks()} == {"relu", "relu6"}
    assert {spec.training.steps for spec in part.networks()} == {10}
    assert name == "mlp-small-mnist-activationrelu+relu6-depth2-steps10"


def test_without_changes_the_recipe_and_its_name_stay(nin):
    assert changed(nin, [], {}) == (nin, "nin-cifar10")


@pytest.mark.parametrize("text", ["width", "=192", "width=", "width = "])
def test_other_forms_are_refused(text, nin):
    with pytest.raises(RecipeError, match="is not of the form FACTOR=LEVEL"):
        changed(nin, [text], {})
    with pytest.raises(RecipeError, match="is not of the form SETTING=VALUE"):
        parsed_settings([text])


def test_a_setting_that_cannot_be_is_refused_at_once(nin):
    with pytest.raises(RecipeError, match="nesterov is for optimizer 'momentum', not 'adam'"):
        changed(nin, [], {"optimizer": "adam", "nesterov": True})
