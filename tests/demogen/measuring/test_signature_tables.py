import numpy as np
import pandas as pd
import pytest

import leaderboard
from demogen import PredictorError, TableError, get_predictor, measure_all
from demogen.measuring import measurements_in, signature_table
from demogen.measuring.signature_tables import measure_label, summary

NAMES = ("product-norm", "parameter-count", "normalized-loss", "normalized-loss-l1", "mean-gap")


@pytest.fixture(scope="module")
def measured(tiny_zoo_folder, tmp_path_factory):
    from demogen import load_zoo

    zoo, cache = load_zoo(tiny_zoo_folder), tmp_path_factory.mktemp("cache")
    predictors = [get_predictor(name) for name in NAMES]
    results = measure_all([predictor.measure for predictor in predictors], zoo, cache=cache)
    return zoo, predictors, results, cache


def test_names_are_flat_and_the_target_stands_beside(measured):
    zoo, _, results, _ = measured
    table = signature_table(results, zoo)
    assert list(table)[:2] == ["gap", "product-norm.log_product_norm"]
    assert list(table.index) == zoo.ids
    assert table["gap"].equals(zoo.table["gap"])
    assert len(set(table)) == len(table.columns) == 1 + sum(len(r.table.columns) for r in results)
    assert any(name.startswith("normalized-loss(") for name in table)
    assert signature_table([*results, results[0]], zoo).columns.is_unique


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_scores_are_those_that_measuring_gives(measured, tmp_path, ending):
    zoo, predictors, results, cache = measured
    file = tmp_path / f"signatures.{ending}"
    table = signature_table(results, zoo)
    table.to_parquet(file) if ending == "parquet" else table.to_csv(file)
    expected = leaderboard.benchmark(predictors, zoo, cache=cache)
    found = leaderboard.benchmark(NAMES, zoo, signatures=file)
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert one.scores == other.scores
        assert one.model_copy(update={"seconds": other.seconds, "epochs": other.epochs}) == other


def test_missing_networks_are_named_and_left_out(measured):
    zoo, predictors, results, _ = measured
    table = signature_table(results, zoo).drop(index=zoo.ids[:7])
    table.loc[zoo.ids[8], "product-norm.log_product_norm"] = np.nan
    named = ", ".join(zoo.ids[:5])
    with pytest.warns(RuntimeWarning, match=f"no signature of 7 of the 24 .*: {named} and 2 more"):
        (found,) = measurements_in(table, predictors[:1], zoo)
    assert set(found.failures) == {*zoo.ids[:7], zoo.ids[8]}
    assert set(found.table.index) == set(zoo.ids) - set(found.failures)
    elsewhere = table.set_axis([f"other-{n}" for n in range(len(table))])
    with pytest.raises(TableError, match="has no network of tiny"):
        measurements_in(elsewhere, predictors, zoo)


def test_a_single_measure_may_have_plain_names(measured):
    zoo, predictors, results, _ = measured
    plain = zoo.table[["gap", "parameters"]].join(results[0].table).reset_index()
    (found,) = measurements_in(plain, predictors[:1], zoo)
    assert found.table.equals(results[0].table)
    with pytest.raises(TableError, match=r"no column product-norm\.<feature> for the measure"):
        measurements_in(plain, predictors[:2], zoo)


def test_tables_that_do_not_fit_are_refused(measured):
    zoo, predictors, results, _ = measured
    table = signature_table(results, zoo)
    with pytest.raises(TableError, match="stands twice; give each network one row"):
        measurements_in(pd.concat([table, table.head(1)]), predictors, zoo)
    words = table.astype({"product-norm.log_product_norm": object})
    words.iloc[0, 1] = "much"
    with pytest.raises(TableError, match="'log_product_norm' of product-norm holds text"):
        measurements_in(words, predictors[:1], zoo)
    other = get_predictor("normalized-loss", p=3)
    with pytest.raises(TableError, match=r"no column normalized-loss\(.*p=3.*there are columns of"):
        measurements_in(table, [*predictors[:1], other], zoo)
    wrong = table.rename(columns={"product-norm.log_product_norm": "product-norm.x"})
    predictor = type(predictors[0])("p", predictors[0].measure, ["log_product_norm"])
    with pytest.raises(PredictorError, match="no feature of product-norm"):
        leaderboard.benchmark([predictor], zoo, signatures=wrong)


def test_labels_tell_parameters_apart():
    one, other = (get_predictor(name).measure for name in ("normalized-loss", "normalized-loss-l1"))
    assert measure_label(one) != measure_label(other)
    assert measure_label(get_predictor("product-norm").measure) == "product-norm"


def test_standard_errors_stand_beside_and_a_sample_is_not_taken_for_all_images(tiny_zoo):
    predictors = [get_predictor(name) for name in ("train-loss", "product-norm")]
    measures = [predictor.measure for predictor in predictors]
    results = measure_all(measures, tiny_zoo[:4], image_limit=40, cache=False)
    table = signature_table(results, tiny_zoo[:4])
    assert list(table)[:4] == [
        *("gap", "train-loss.train_loss", "train-loss.train_loss.se"),
        "product-norm.log_product_norm",
    ]
    errors = table["train-loss.train_loss.se"]
    assert (errors > 0).all()
    shown = f"on 40 images; median standard errors: train_loss {errors.median():.2g} ("
    assert shown in summary("mine", results[0])
    assert "standard errors" not in summary("mine", results[1])
    with pytest.raises(TableError, match="train_loss is of a sample of the images"):
        measurements_in(table, predictors[:1], tiny_zoo[:4])
    (norms,) = measurements_in(table, predictors[1:], tiny_zoo[:4])
    assert norms.table.equals(results[1].table)
