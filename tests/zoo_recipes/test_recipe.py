import pytest

from demogen.errors import RecipeError
from zoo_recipes import load_recipe
from zoo_recipes.recipe import read_recipe

TINY = "tests/data/tiny.toml"
DESIGN = "\n[design]\ncells = 4\n"
SAMPLE = '\n[sample]\nnetworks = 6\npairs = ["width"]\n'
EXTRA = "\n[[extra]]\nlevels = { width = 5, l2 = 0.1 }\n"
RULE = "\n[[when]]\nlevels = { width = 8 }\nsettings = { epochs = 2, l2 = 0.5 }\n"


def write(tmp_path, change=("", ""), more=""):
    path = tmp_path / "mine.toml"
    with open(TINY) as file:
        text = file.read()
    assert change[0] in text
    path.write_text(text.replace(*change, 1) + more)
    return path


def cells(recipe, *factors):
    """These factors of the first copies, in order."""
    specs = [spec.factors() for spec in recipe.networks() if spec.copy_number == 1]
    return [tuple(spec[factor] for factor in factors) for spec in specs]


def test_a_grid_is_the_product_of_its_levels_the_last_fastest():
    recipe = load_recipe(TINY)
    assert recipe.count == len(recipe.networks()) == 24
    assert cells(recipe, "width", "batch_norm", "corruption") == [
        (width, norm, corruption)
        for width in (4, 6, 8)
        for norm in (False, True)
        for corruption in (0.0, 0.5)
    ]
    assert [spec.copy_number for spec in recipe.networks()] == [1, 2] * 12


def test_ids_and_digest_are_pinned():
    recipe = load_recipe(TINY)
    assert recipe.networks()[0].id == "nin-w4-c1-ed5908390ccb"
    assert load_recipe(TINY).digest == recipe.digest
    assert recipe.digest[:12] == "a0d42904793f"
    other = recipe.with_settings(epochs=1)
    assert other.digest != recipe.digest
    assert {spec.training.epochs for spec in other.networks()} == {1}


def test_copies_of_a_configuration_differ_in_number_and_seed_only():
    networks = load_recipe(TINY).networks()
    assert len({spec.configuration for spec in networks}) == 12
    assert len({spec.seed for spec in networks}) == len({spec.id for spec in networks}) == 24


def test_extra_configurations_stand_beside_the_grid_and_have_copies_too(tmp_path):
    recipe = load_recipe(write(tmp_path, more=EXTRA))
    assert recipe.count == len(recipe.networks()) == 26
    assert recipe.networks()[:24] == load_recipe(TINY).networks()
    assert cells(recipe, "width", "l2", "batch_norm")[-1] == (5, 0.1, False)


def test_without_a_grid_the_extra_configurations_are_all_there_are(tmp_path):
    grid = "[grid]\nwidth = [4, 6, 8]\nbatch_norm = [false, true]\ncorruption = [0.0, 0.5]\n"
    fixed = ('family = "nin"', 'family = "nin"\nwidth = 3')
    path = write(tmp_path, (grid, ""), EXTRA)
    assert cells(load_recipe(path), "width") == [(5,)]
    path.write_text(path.read_text().replace(EXTRA, "").replace(*fixed))
    assert cells(load_recipe(path), "width") == [(3,)]
    assert load_recipe(path).count == 2


def test_rules_set_what_follows_from_a_level_over_fixed_settings_and_the_grid(tmp_path):
    more = RULE + "\n[[when]]\nlevels = { batch_norm = true, epochs = 8 }\n"
    path = write(tmp_path, more=more + "settings = { corruption = 0.25, l2 = 0.7 }\n")
    path.write_text(path.read_text().replace("corruption = [0.0, 0.5]", "corruption = [0.5]"))
    recipe = load_recipe(path)
    assert cells(recipe, "width", "batch_norm", "epochs", "l2", "corruption") == [
        (4, False, 8, 0.0, 0.5),
        (4, True, 8, 0.7, 0.25),
        (6, False, 8, 0.0, 0.5),
        (6, True, 8, 0.7, 0.25),
        (8, False, 2, 0.5, 0.5),
        (8, True, 2, 0.7, 0.25),
    ]


def test_other_lengths_of_training_hold_for_rules_too(tmp_path):
    recipe = load_recipe(write(tmp_path, more=RULE))
    shorter = recipe.with_settings(epochs=1)
    assert set(cells(shorter, "epochs", "steps")) == {(1, None)}
    assert set(cells(shorter, "width", "l2")) == {(4, 0.0), (6, 0.0), (8, 0.5)}
    stepwise = recipe.with_settings(steps=7)
    assert set(cells(stepwise, "epochs", "steps")) == {(None, 7)}
    assert set(cells(stepwise.with_settings(epochs=1), "epochs", "steps")) == {(1, None)}
    assert set(cells(recipe.with_settings(batch_size=9), "width", "epochs", "batch_size")) == {
        (4, 8, 9),
        (6, 8, 9),
        (8, 2, 9),
    }


def test_a_rule_about_nothing_but_a_length_of_training_is_dropped_with_it(tmp_path):
    recipe = load_recipe(write(tmp_path, more=RULE.replace(", l2 = 0.5", "")))
    assert len(recipe.when) == 1
    assert recipe.with_settings(epochs=1).when == ()


def test_a_design_is_a_balanced_part_of_the_grid(tmp_path):
    recipe = load_recipe(write(tmp_path, more=DESIGN + 'crossed = ["corruption"]' + EXTRA))
    assert recipe.count == len(recipe.networks()) == 10
    found = cells(recipe, "batch_norm", "corruption")[:4]
    assert sorted(found) == [(False, 0.0), (False, 0.5), (True, 0.0), (True, 0.5)]


def test_a_sample_is_made_of_matched_pairs_of_networks_that_are_not_too_large(tmp_path):
    recipe = load_recipe(write(tmp_path, more=SAMPLE))
    assert recipe.count == len(recipe.networks()) == 12
    found = cells(recipe, "width", "batch_norm", "corruption")
    assert len(set(found)) == 6
    for first, second in zip(found[::2], found[1::2], strict=True):
        assert first[0] != second[0]
        assert first[1:] == second[1:]
    # NiN of width w on 8x8 digits with batch norm: 1,150 parameters at 6, 1,770 (or more) at 8.
    limited = load_recipe(write(tmp_path, more=SAMPLE.replace("6", "4") + "largest = 1750\n"))
    assert {width for (width,) in cells(limited, "width")} == {4, 6}


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
        (("[4, 6, 8]", "[4, 4]"), "tiny: a level of its grid is listed twice: width = 4"),
        (("[4, 6, 8]", "[]"), "grid.width: List should have at least 1 item"),
        (("[4, 6, 8]", "[4, -6]"), "width: .*greater than or equal to 1"),
        (('name = "tiny"', 'name = "../tiny"'), "name: String should match pattern"),
        (("[grid]", "[grid"), "is no recipe: it is no TOML"),
    ],
)
def test_faulty_recipes_are_one_clear_line(change, message, tmp_path):
    with pytest.raises(RecipeError, match=message) as error:
        load_recipe(write(tmp_path, change))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ("[[extra]]\nlevels = { widht = 5 }", "factor of nin networks 'widht'; did you mean"),
        ("[[extra]]\nlevels = { width = 0 }", "width: .*greater than or equal to 1"),
        ("[[extra]]\nwidth = 5", "unknown key 'extra.0.width'; did you mean 'width'"),
        ("[[extra]]\nlabels = 'RL'", "unknown key 'extra.0.labels'; did you mean 'label'"),
        (
            "[[extra]]\nlevels = { width = 4, batch_norm = true }",
            "tiny: two cells are one network, nin-w4-bn-c1-",
        ),
        ("[[when]]\nlevels = { widht = 4 }\nsettings = { l2 = 1 }", "'widht'; did you mean"),
        ("[[when]]\nlevels = { width = 4 }\nsettings = { l = 1 }", "factor of nin networks 'l'"),
        ("[[when]]\nlevels = { width = 4 }", "when.0.settings: Field required"),
        ("[[when]]\nlevels = {}\nsettings = { l2 = 1 }", "when.0.levels: .*at least 1 item"),
        (
            "[[when]]\nlevels = { width = 5 }\nsettings = { l2 = 1 }",
            "tiny: rule 1 of .*about {'width': 5}, which no network has",
        ),
        (DESIGN + "cels = 4", "unknown key 'design.cels'; did you mean 'cells'"),
        (DESIGN.replace("4", "13"), "tiny: design: 13 cells of a grid that has only 12"),
        (DESIGN + "crossed = ['corupt']", "'corupt'; did you mean 'corruption'"),
        (DESIGN + "contains = [{ width = 4 }]", "has no level of 'batch_norm'"),
        (
            DESIGN + "contains = [{ width = 5, batch_norm = true, corruption = 0.0 }]",
            r"has width = 5, which is not in the grid: \[4, 6, 8\]",
        ),
        (SAMPLE.replace("6", "5"), "sample.networks: Input should be a multiple of 2"),
        (SAMPLE.replace("6", "14"), "tiny: sample: 14 networks of a grid that has only 12"),
        (SAMPLE.replace("width", "wdth"), "'wdth'; did you mean 'width'"),
        (SAMPLE + "small_first = ['depth']", "no factor in the grid .in 'small_first'. 'depth'"),
        (SAMPLE + "largest = 10", "no more than 0 different networks of the wanted size"),
        (DESIGN + SAMPLE, "tiny: give either .design. or .sample."),
    ],
)
def test_faulty_tables_are_one_clear_line(more, message, tmp_path):
    with pytest.raises(RecipeError, match=message) as error:
        load_recipe(write(tmp_path, more="\n" + more + "\n"))
    assert "\n" not in str(error.value)


def test_reading_a_recipe_counts_its_networks_without_making_them(tmp_path):
    path = write(tmp_path, ("[4, 6, 8]", "[4, -6]"), EXTRA)
    assert read_recipe(path).count == 18
    with pytest.raises(RecipeError, match="width: .*greater than or equal to 1"):
        read_recipe(path).networks()


def test_missing_recipes_are_one_clear_line():
    with pytest.raises(RecipeError, match="no recipe 'digitz'; did you mean 'digits'"):
        load_recipe("digitz")
    with pytest.raises(RecipeError, match=r"no recipe file 'nowhere\.toml'"):
        load_recipe("nowhere.toml")


def test_part_of_a_recipe_has_the_same_networks():
    recipe = load_recipe("nin-cifar10")
    part = recipe.where({"width": [192], "augmentation": [["crop", "flip", "shift"]]})
    known = {spec.id: spec for spec in recipe.networks()}
    assert part.count == len(part.networks()) == 36
    for spec in part.networks():
        assert known[spec.id] == spec
        assert spec.architecture.width == 192
        assert spec.training.augmentation
    assert part.where({"copy_number": [2]}).count == 18
    assert part.digest != recipe.digest
    assert recipe.where({"width": [192, 288, 384]}).networks() == recipe.networks()


@pytest.mark.parametrize(
    ("levels", "message"),
    [
        ({"widht": [192]}, "no factor of nin networks 'widht'; did you mean 'width'"),
        ({"width": [193]}, "no network has width = 193; there are 192, 288, 384"),
        ({"batch_norm": ["no"]}, 'no network has batch_norm = "no"; there are false, true'),
        ({"width": []}, "only.width: List should have at least 1 item"),
    ],
)
def test_parts_that_are_not_there_are_one_clear_line(levels, message):
    with pytest.raises(RecipeError, match=message):
        load_recipe("nin-cifar10").where(levels).networks()


def test_fixed_settings_of_every_section_can_be_others():
    recipe = load_recipe("nin-cifar10")
    other = recipe.with_settings(train_size=2500, epochs=16, precision="bfloat16")
    assert other.count == recipe.count
    for spec, known in zip(other.networks(), recipe.networks(), strict=True):
        assert (spec.data.train_size, spec.training.epochs) == (2500, 16)
        assert spec.architecture == known.architecture
        assert spec.id != known.id
    assert {spec.training.steps for spec in recipe.with_settings(steps=9).networks()} == {9}
    with pytest.raises(RecipeError, match="width varies over its networks; choose among its lev"):
        recipe.with_settings(width=16)
    with pytest.raises(RecipeError, match="no factor of nin networks 'epoch'; did you mean"):
        recipe.with_settings(epoch=16)
