"""Where a paper prints a number, and which of our scores answers it: the table of both.

A recipe and its zoos hold printed numbers by row and statistic. For each row this module says where
the paper prints it, what the paper calls it, and which predictor's results it is compared with.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace


@dataclass(frozen=True)
class PrintedRow:
    """One row of printed results.

    Attributes:
        place: where the paper prints it.
        predictor: whose results answer it; "" where those of no predictor do.
        scores: printed statistic → name of our score (`leaderboard.papers.our_numbers`).
        target: of those results.
        feature: the column judged by itself; "" where all are fitted together.
        headings: printed statistic → what the paper calls it, where it is not called so here.
        remarks: printed statistic → how ours differs in meaning.
        pool: names of the collections fitted together; empty: that of the printed results.
        random_labels: of a line through normalized losses, which a zoo's table gives: whether
            networks trained on random labels alone belong to it. None for all else.
    """

    place: str
    predictor: str
    scores: Mapping[str, str]
    target: str = "gap"
    feature: str = ""
    headings: Mapping[str, str] = field(default_factory=dict)
    remarks: Mapping[str, str] = field(default_factory=dict)
    pool: tuple[str, ...] = ()
    random_labels: bool | None = None


def printed_row(paper: str, collection: str, row: str) -> PrintedRow | None:
    """What a row of printed results is.

    Args:
        paper: its key.
        collection: whose printed results they are.
        row: name of the row in them.

    Returns:
        None where this table does not know it: a row of somebody else's recipe.
    """
    lookup = _PAPERS.get(paper)
    return lookup(collection, row) if lookup else None


IN_SMALL = {"nin-small-cifar10": "nin-cifar10"}
"""Collection of our own → the published one that it is in small, and is held against."""

_COLUMNS = {
    "nin-cifar10": "CNN + CIFAR10",
    "resnet32-cifar10": "ResNet + CIFAR10",
    "resnet32-cifar100": "ResNet + CIFAR100",
}
"""Columns of Tables 1, 3 and 4 of Jiang et al. 2019."""

_ROWS = {
    "margin-quartiles-log": "Table 1, qrt+log",
    "margin-quartiles-log-unnormalized": "Table 1, qrt+log+unnorm",
    "margin-quartiles-linear": "Table 1, qrt+linear",
    "margin-statistic-log": "Table 1, sf+log",
    "margin-tap-log": "Table 1, sl+log",
    "margin-moments-log": "Table 1, moment+log",
    "margin-best4-log": "Table 1, best4+log",
    "spectral-margin-log": "Table 1, spectral+log",
    "jacobian-margin-log": "Table 1, Jacobian+log",
    "large-margin-linear": "Table 1, LM+linear",
    "margin-quartiles-linear-negative": "Table 3, qrt+linear+gap",
    "margin-input-log": "Table 4, input",
    "margin-h1-log": "Table 4, h1",
    "margin-h2-log": "Table 4, h2",
    "margin-h3-log": "Table 4, h3",
}

_TABLE_1 = {
    "adjusted_r2": "fit_adjusted_r2",
    "kfold_r2": "kfold_r2",
    "rmse_points": "fit_rmse_points",
}
"""choice: the column called mse is held against 100·RMSE of the fit on all networks.

It behaves like a root in percentage points, and of the fit: column / √(1 − R̄²) is then the spread
of the gap, which is the same in every row of a collection; with the k-fold R² it is not, and rows
whose k-fold R² is negative would have an error below the spread.
"""

_HEADINGS = {"adjusted_r2": "A R²", "kfold_r2": "kf R²", "rmse_points": "mse"}

_JIANG = PrintedRow(
    "",
    "margin-quartiles-log",
    _TABLE_1,
    headings=_HEADINGS,
    remarks={"rmse_points": "ours is 100·RMSE of the fit, percentage points"},
)

_POOLS = {
    "margin-quartiles-log on nin-cifar10 and resnet32-cifar10": replace(
        _JIANG, place="appendix D.1", pool=("nin-cifar10", "resnet32-cifar10")
    ),
    "margin-quartiles-log on resnet32-cifar10 and resnet32-cifar100": replace(
        _JIANG, place="appendix D.2", pool=("resnet32-cifar10", "resnet32-cifar100")
    ),
    "margin-quartiles-log on all three collections": replace(
        _JIANG,
        place="appendix D.3",
        pool=("nin-cifar10", "resnet32-cifar10", "resnet32-cifar100"),
    ),
}

_F_TABLES = {
    "nin-cifar10": "Table 5",
    "resnet32-cifar10": "Table 7",
    "resnet32-cifar100": "Table 8",
}

_TAPS = {"input": "h0", "h1": "h1", "h2": "h2", "h3": "h3"}
_STATISTICS = {
    "lower_fence": "lower fence",
    "q1": "Q1",
    "median": "Q2",
    "q3": "Q3",
    "upper_fence": "upper fence",
}

ON_ACCURACY = " on test accuracy"


def _jiang2019(collection: str, row: str) -> PrintedRow | None:
    """Tables 1, 3, 4, 5, 7, 8 and appendix D of Jiang et al. 2019."""
    column = _COLUMNS.get(collection)
    if column is None:
        return None
    if row in _POOLS:
        return _POOLS[row]
    if row in _ROWS:
        return replace(_JIANG, place=f"{_ROWS[row]}, {column}", predictor=row)
    if row == f"margin-quartiles-linear-negative{ON_ACCURACY}":
        return replace(
            _JIANG,
            place=f"Table 3, qrt+linear+acc, {column}",
            predictor=row.removesuffix(ON_ACCURACY),
            target="test_accuracy",
        )
    tap, _, statistic = row.partition(".")
    if tap in _TAPS and statistic in _STATISTICS:
        # choice: of the log, which is what the regression is on; the paper does not say.
        remark = "ours is of the log of the statistic"
        return PrintedRow(
            f"{_F_TABLES[collection]}, {_TAPS[tap]} {_STATISTICS[statistic]}",
            "margin-quartiles-log",
            {"f": "univariate_f", "p": "univariate_p"},
            feature=row,
            headings={"f": "F score", "p": "p-value"},
            remarks={"f": remark, "p": remark},
        )
    return None


_SPLIT = "on 8 of 80 networks; ours is the mean over the divisions of holdout-100"
_FITTED = "the paper fits 72 of the 80 networks; ours is the fit on all"

_RESIDUALS = {"pearson": "Pearson", "ssr": "SSR", "ssr_max": "SSR, all 100 below"}

_SPARSITY = {
    ("vgg16-cifar100", "unit-sparsity"): PrintedRow(
        "section 4, figures 3C and 3D",
        "unit-sparsity",
        {"pearson": "fit_pearson", "ssr": "ssr_mean", "ssr_max": "ssr_max"},
        remarks={"pearson": _FITTED, "ssr": _SPLIT, "ssr_max": "ours is the largest of the 100"},
    ),
    ("vgg16-cifar100", "margin-quartiles-log"): PrintedRow(
        "section 4, figure 3E",
        "margin-quartiles-log",
        {"pearson": "fit_pearson", "ssr": "ssr_mean"},
        remarks={"pearson": _FITTED, "ssr": f"printed: almost; {_SPLIT}"},
    ),
    ("mobilenet-cifar100", "unit-sparsity"): PrintedRow(
        "appendix B, figure 5C", "unit-sparsity", {"ssr": "fit_ssr"}
    ),
    ("resnet34-cifar100", "unit-sparsity"): PrintedRow(
        "appendix C, figure 6C", "unit-sparsity", {"ssr": "fit_ssr"}
    ),
    ("vgg16-imagenet", "unit-sparsity"): PrintedRow(
        "appendix A, figure 4C(4)", "unit-sparsity", {"ssr": "fit_ssr"}
    ),
    ("vgg16-imagenet", "unit-sparsity-zeta"): PrintedRow(
        "appendix A, figure 4C(2)", "unit-sparsity-zeta", {"pearson": "fit_pearson"}
    ),
    ("vgg16-imagenet", "unit-sparsity-kappa"): PrintedRow(
        "appendix A, figure 4C(3)", "unit-sparsity-kappa", {"pearson": "fit_pearson"}
    ),
    **{
        ("vgg16-imagenet", f"model {letter}"): PrintedRow(
            f"Table 1, model {letter}",
            "",
            {},
            headings={
                "train_accuracy": "Training Acc",
                "test_accuracy": "Testing Acc",
                "gap": "Gap",
            },
        )
        for letter in "ABCDE"
    },
}


def _zhao2021(collection: str, row: str) -> PrintedRow | None:
    """Sections and figures of Zhao et al. 2021, and Table 1 of its appendix A."""
    known = _SPARSITY.get((collection, row))
    return replace(known, headings={**_RESIDUALS, **known.headings}) if known else None


_TRUE = PrintedRow(
    "",
    "",
    {name: name for name in ("slope", "intercept", "r2", "adjusted_r2", "rmse")},
    headings={"adjusted_r2": "adjusted R²", "r2": "R²", "rmse": "RMSE"},
    random_labels=False,
)
_ALL = replace(_TRUE, random_labels=True)

_LOSSES = {
    ("convnet3-cifar10-pretrain", "normalized-loss"): replace(_TRUE, place="figure 5"),
    # No zoo records the test loss of a network whose layers are divided by ℓ1 norms.
    ("convnet3-cifar10-pretrain", "normalized-loss-l1"): replace(
        _TRUE, place="figure 4", scores={}
    ),
    ("convnet3-cifar10-pretrain", "normalized-loss with random labels"): replace(
        _ALL, place="figure 10"
    ),
    ("convnet3-cifar10-default", "normalized-loss"): replace(_TRUE, place="figure 6"),
    ("convnet3-cifar10-default", "normalized-loss with random labels"): replace(
        _ALL, place="figure 11"
    ),
    ("convnet3-mnist-init", "normalized-loss"): replace(_TRUE, place="figure 15"),
    ("convnet3-mnist-init", "normalized-loss with random labels"): replace(_ALL, place="figure 16"),
}


def _normalized_losses(collection: str, row: str) -> PrintedRow | None:
    """Captions of the figures of Liao et al. 2018 and of its later version, of 2019."""
    return _LOSSES.get((collection, row))


_PAPERS: Mapping[str, Callable[[str, str], PrintedRow | None]] = {
    "jiang2019": _jiang2019,
    "zhao2021": _zhao2021,
    "liao2018": _normalized_losses,
    "puzzles2019": _normalized_losses,
}
