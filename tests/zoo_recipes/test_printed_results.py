"""The papers' own results, as the recipes hold them."""

import re

import pytest
from scipy import stats

import baselines
from tests.zoo_recipes.published import IMAGENET, PUBLISHED, load_cached

TABLE_1 = {
    # adjusted R², 10-fold R², "mse": NiN on CIFAR-10, ResNet on CIFAR-10, ResNet on CIFAR-100
    "margin-quartiles-log": (0.94, 0.90, 1.5, 0.87, 0.81, 0.40, 0.97, 0.96, 1.6),
    "margin-quartiles-log-unnormalized": (0.89, 0.86, 2.0, 0.82, 0.74, 0.48, 0.95, 0.94, 1.9),
    "margin-quartiles-linear": (0.88, 0.84, 2.2, 0.77, 0.66, 0.54, 0.91, 0.87, 2.6),
    "margin-statistic-log": (0.73, 0.69, 3.5, 0.53, 0.41, 0.80, 0.80, 0.78, 4.0),
    "margin-tap-log": (0.86, 0.84, 2.2, 0.44, 0.33, 0.87, 0.95, 0.94, 1.8),
    "margin-moments-log": (0.93, 0.87, 1.6, 0.83, 0.74, 0.45, 0.94, 0.92, 2.0),
    "margin-best4-log": (0.89, 0.88, 2.1, 0.54, 0.43, 0.80, 0.93, 0.92, 2.4),
    "spectral-margin-log": (0.73, 0.70, 3.5, None, None, None, None, None, None),
    "jacobian-margin-log": (0.42, None, 5.0, 0.20, None, 1.0, 0.47, None, 6.0),
    "large-margin-linear": (0.35, None, 5.2, 0.68, None, 0.66, 0.74, None, 4.0),
}
STATISTICS = ("adjusted_r2", "kfold_r2", "rmse_points")


@pytest.mark.parametrize("place", [0, 1, 2])
def test_table_1_of_the_margin_paper(place):
    name = ("nin-cifar10", "resnet32-cifar10", "resnet32-cifar100")[place]
    printed = load_cached(name).printed_results
    for predictor, numbers in TABLE_1.items():
        of_collection = numbers[3 * place : 3 * place + 3]
        expected = {
            statistic: number
            for statistic, number in zip(STATISTICS, of_collection, strict=True)
            if number is not None
        }
        assert printed.get(predictor, {}) == expected


@pytest.mark.parametrize(
    ("name", "row", "numbers"),
    [
        (
            "nin-cifar10",
            "margin-quartiles-log on nin-cifar10 and resnet32-cifar10",
            {"adjusted_r2": 0.91, "kfold_r2": 0.88},
        ),
        (
            "resnet32-cifar100",
            "margin-quartiles-log on resnet32-cifar10 and resnet32-cifar100",
            {"adjusted_r2": 0.96, "kfold_r2": 0.95},
        ),
        (
            "resnet32-cifar10",
            "margin-quartiles-log on all three collections",
            {"adjusted_r2": 0.93, "kfold_r2": 0.93},
        ),
        ("nin-cifar10", "input.lower_fence", {"f": 306.40, "p": 3.59e-43}),
        ("resnet32-cifar100", "h1.upper_fence", {"f": 1124.43, "p": 4.55e-107}),
        ("vgg16-cifar100", "unit-sparsity", {"pearson": 0.979, "ssr": 0.023, "ssr_max": 0.035}),
        ("vgg16-cifar100", "margin-quartiles-log", {"pearson": 0.75, "ssr": 0.5}),
        ("mobilenet-cifar100", "unit-sparsity", {"ssr": 0.074}),
        ("resnet34-cifar100", "unit-sparsity", {"ssr": 0.122}),
        (IMAGENET, "unit-sparsity", {"ssr": 0.004}),
        (IMAGENET, "unit-sparsity-zeta", {"pearson": 0.998}),
        (IMAGENET, "unit-sparsity-kappa", {"pearson": 0.967}),
        (
            "convnet3-cifar10-pretrain",
            "normalized-loss-l1",
            {
                **{"slope": 0.8358, "intercept": 0.3783, "rmse": 5.6567e-5},
                **{"r2": 0.9998, "adjusted_r2": 0.9998},
            },
        ),
    ],
)
def test_other_printed_results(name, row, numbers):
    assert load_cached(name).printed_results[row] == numbers


@pytest.mark.parametrize(
    ("name", "row", "fit"),
    [
        ("convnet3-cifar10-pretrain", "normalized-loss", (0.836, 0.377, 0.9998, 4.7651e-5)),
        (
            "convnet3-cifar10-pretrain",
            "normalized-loss with random labels",
            (0.8789, 0.2795, 0.9721, 5.8304e-4),
        ),
        ("convnet3-cifar10-default", "normalized-loss", (0.8117, 0.4333, 0.9660, 6.3624e-5)),
        (
            "convnet3-cifar10-default",
            "normalized-loss with random labels",
            (0.9642, 0.0844, 0.9999, 6.9797e-5),
        ),
        ("convnet3-mnist-init", "normalized-loss", (1.0075, -0.0174, 1, 9.1093e-4)),
    ],
)
def test_fits_of_the_normalized_loss(name, row, fit):
    found = load_cached(name).printed_results[row]
    assert tuple(found[key] for key in ("slope", "intercept", "r2", "rmse")) == fit


def test_the_imagenet_accuracies():
    printed = load_cached(IMAGENET).printed_results
    assert {
        name[-1]: tuple(row.values()) for name, row in printed.items() if name[:5] == "model"
    } == {
        "A": (0.732, 0.657, 0.075),
        "B": (0.730, 0.600, 0.130),
        "C": (0.818, 0.543, 0.275),
        "D": (0.828, 0.444, 0.384),
        "E": (0.978, 0.374, 0.604),
    }


@pytest.mark.parametrize("name", ["nin-cifar10", "resnet32-cifar10", "resnet32-cifar100"])
def test_printed_p_values_follow_from_the_printed_f(name):
    recipe = load_cached(name)
    tests = [row for row in recipe.printed_results.values() if "f" in row]
    assert len(tests) == 20
    for row in tests:
        # Printed with two or three digits, the last of them cut off and not rounded.
        assert stats.f.sf(row["f"], 1, recipe.count - 2) == pytest.approx(row["p"], rel=0.03, abs=0)


@pytest.mark.parametrize("name", PUBLISHED)
def test_rows_of_printed_results_name_predictors_that_exist(name):
    known = {predictor.name for predictor in baselines.ALL}
    feature = r"(input|h[123])\.(lower_fence|q1|median|q3|upper_fence)"
    for row in load_cached(name).printed_results:
        other = re.fullmatch(rf"{feature}|model [A-E]", row)
        assert other or row.split(" ")[0] in known, row
