"""The recipes' printed results against the text of the papers, where that is at hand."""

import os
import re
from pathlib import Path

import pytest

from tests.zoo_recipes.published import load_cached

FOLDER = os.environ.get("DEMOGEN_PAPERS", "")
NUMBER = r"-?\d+(?:\.\d+)?(?:e-?\d+)?"

pytestmark = pytest.mark.skipif(
    not FOLDER,
    reason="the papers' text is not at hand: set DEMOGEN_PAPERS to a folder with it",
)

COLLECTIONS = ("nin-cifar10", "resnet32-cifar10", "resnet32-cifar100")
SPECTRAL = "spectral-margin-log"
TABLE_1 = (
    *("margin-quartiles-log", "margin-quartiles-log-unnormalized", "margin-quartiles-linear"),
    *("margin-statistic-log", "margin-tap-log", "margin-moments-log", "margin-best4-log"),
    *(SPECTRAL, "jacobian-margin-log", "large-margin-linear"),
)
TABLE_3 = (
    *TABLE_1,
    "margin-quartiles-linear-negative",
    "margin-quartiles-linear-negative on test accuracy",
)
TABLE_4 = (
    *(f"margin-{tap}-log" for tap in ("input", "h1", "h2", "h3")),
    "margin-quartiles-log",
)


def text_with(*phrases):
    """The text of the one paper that holds all these phrases."""
    texts = [path.read_text(errors="replace") for path in sorted(Path(FOLDER).glob("*.txt"))]
    (found,) = [text for text in texts if all(phrase in text for phrase in phrases)]
    return found


def margins():
    return text_with("margin distribution", "LM+linear", "kf indicates k-fold")


def columns():
    """The entries below each heading of a column of Tables 1, 3 and 4; None: printed as N."""
    lines = margins().splitlines()
    for number, line in enumerate(lines):
        if line == "A R2 kf R2 mse":
            entries = []
            for entry in lines[number + 1 :]:
                if not re.fullmatch(rf"N|{NUMBER}", entry):
                    break
                entries.append(None if entry == "N" else float(entry))
            yield entries


@pytest.mark.parametrize("table", range(3))
@pytest.mark.parametrize("place", range(3))
def test_tables_of_the_margin_paper(table, place):
    name = COLLECTIONS[place]
    printed = load_cached(name).printed_results
    rows = (TABLE_1, TABLE_3, TABLE_4)[table]
    # Of residual networks the paper leaves the spectral row out.
    rows = [row for row in rows if place == 0 or row != SPECTRAL]
    entries = list(columns())[3 * table + place]
    statistics = ("adjusted_r2", "kfold_r2", "rmse_points")
    assert entries == [printed[row].get(statistic) for row in rows for statistic in statistics]


@pytest.mark.parametrize(("place", "table"), [(0, 5), (1, 7), (2, 8)])
def test_every_f_and_p_is_in_its_table(place, table):
    text = margins()
    start = text.index(f"C.{place + 1}")
    numbers = [float(n) for n in re.findall(NUMBER, text[start : text.index(f"Table {table}: F")])]
    tests = [row for row in load_cached(COLLECTIONS[place]).printed_results.values() if "f" in row]
    assert len(tests) == 20
    for row in tests:
        for value in row.values():
            numbers.remove(value)


def test_pools_of_the_margin_paper():
    found = re.findall(rf"= ({NUMBER}) and the k-fold R2 = ({NUMBER})", margins())
    nin, ten, hundred = COLLECTIONS
    rows = [
        (nin, f"margin-quartiles-log on {nin} and {ten}"),
        (ten, f"margin-quartiles-log on {ten} and {hundred}"),
        (hundred, "margin-quartiles-log on all three collections"),
    ]
    assert [tuple(map(float, pair)) for pair in found] == [
        tuple(load_cached(name).printed_results[row].values()) for name, row in rows
    ]


@pytest.mark.parametrize(
    ("name", "row", "statistic", "phrase"),
    [
        ("vgg16-cifar100", "unit-sparsity", "pearson", "values of the training networks is {}"),
        ("vgg16-cifar100", "unit-sparsity", "ssr", "In our case, it is {},"),
        ("vgg16-cifar100", "unit-sparsity", "ssr_max", "keep in a low value below {}."),
        (
            "vgg16-cifar100",
            "margin-quartiles-log",
            "pearson",
            "(Pearson correlation coefficient is {})",
        ),
        ("vgg16-cifar100", "margin-quartiles-log", "ssr", "a larger SSR, which is almost {}"),
        ("vgg16-imagenet", "unit-sparsity", "ssr", "the SSR here is only {}."),
        ("vgg16-imagenet", "unit-sparsity-zeta", "pearson", "reaches remarkably {}."),
        ("vgg16-imagenet", "unit-sparsity-kappa", "pearson", "with Pearson correlation {}."),
        ("mobilenet-cifar100", "unit-sparsity", "ssr", "the SSR of this fitting is {},"),
        ("resnet34-cifar100", "unit-sparsity", "ssr", "The SSR here is {},"),
    ],
)
def test_sentences_of_the_sparsity_paper(name, row, statistic, phrase):
    value = load_cached(name).printed_results[row][statistic]
    assert phrase.format(f"{value:g}") in text_with("cumulative unit ablation")


@pytest.mark.parametrize("letter", "ABCDE")
def test_accuracies_of_the_sparsity_paper(letter):
    numbers = load_cached("vgg16-imagenet").printed_results[f"model {letter}"].values()
    row = "\t".join([f"Model {letter}", *(f"{value:.3f}" for value in numbers)])
    assert row in text_with("cumulative unit ablation")


@pytest.mark.parametrize(
    ("name", "row", "figure"),
    [
        ("convnet3-cifar10-pretrain", "normalized-loss-l1", 4),
        ("convnet3-cifar10-pretrain", "normalized-loss", 5),
        ("convnet3-cifar10-default", "normalized-loss", 6),
        ("convnet3-cifar10-pretrain", "normalized-loss with random labels", 10),
        ("convnet3-cifar10-default", "normalized-loss with random labels", 11),
        ("convnet3-mnist-init", "normalized-loss", 15),
        ("convnet3-mnist-init", "normalized-loss with random labels", 16),
    ],
)
def test_captions_of_the_papers_on_normalized_losses(name, row, figure):
    later = load_cached(name).paper.key == "puzzles2019"
    phrases = ("Generalization Puzzles".upper(),) if later else ("surprisingly\ntight",)
    caption = re.split(r"Figure \d+:", text_with(*phrases))
    heads = re.findall(r"Figure (\d+):", text_with(*phrases))
    text = caption[heads.index(str(figure)) + 1]
    plain = re.sub(r"[\s$\\{}]+", " ", text.replace(r"\times", "×"))
    slope, intercept = re.search(rf"best fit are ({NUMBER}) and ({NUMBER})", plain).groups()
    root, power = re.search(rf"RMSE ?\) ?was ({NUMBER}) ?× ?10 ?\^? ?[-−] ?(\d)", plain).groups()
    r2 = re.findall(r"[Rr]\s?\^?\s?2 (?:values are both|is|value is) (\d\.\d+)", plain)
    printed = load_cached(name).printed_results[row]
    assert (float(slope), float(intercept)) == (printed["slope"], printed["intercept"])
    assert printed["rmse"] == float(f"{root}e-{power}")
    assert [float(r2[0]), float(r2[-1])] == [printed["r2"], printed["adjusted_r2"]]
