"""Outputs made up from an honest result, with one thing changed."""

import numpy as np
import pytest

from demogen.errors import SubmissionError
from demogen.measuring.measure_identity import MeasureIdentity
from leaderboard.fitting.regressor_text import regressor_from_text
from leaderboard.submissions.predictor_facts import PredictorFacts
from leaderboard.submissions.rerun_compare import check_output
from leaderboard.submissions.rerun_messages import (
    MESSAGE_BYTES,
    OUTPUT,
    RerunOutput,
    read_fault,
    read_output,
)

OTHER_MEASURE = MeasureIdentity(name="made-up", version=9, parameters={})


def output_of(result, **changes):
    signatures = {
        id: dict(zip(result.columns, values, strict=True))
        for id, values in result.signatures.items()
    }
    facts = {name: getattr(result, name) for name in PredictorFacts.model_fields}
    return RerunOutput(facts=PredictorFacts(**{**facts, **changes}), signatures=signatures)


def ids_of(result):
    return {id: id for id in (*result.signatures, *result.dropped)}


def refused(result, output):
    with pytest.raises(SubmissionError) as error:
        check_output(result, regressor_from_text(result.regressor), ids_of(result), output)
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.fixture
def result(results):
    return next(result for result in results if result.split == "kfold-10")


def moved(result, by, column="b", network="net-003"):
    output = output_of(result)
    output.signatures[network][column] += by
    return output


def test_what_differs_in_the_last_digits_passes(result):
    check_output(result, regressor_from_text(result.regressor), ids_of(result), output_of(result))
    check_output(
        result,
        regressor_from_text(result.regressor),
        ids_of(result),
        output_of(result, columns=None),
    )
    check_output(result, regressor_from_text(result.regressor), ids_of(result), moved(result, 1e-5))


def test_another_signature_is_refused(result):
    assert "b of net-003 is said to be" in refused(result, moved(result, 0.01))


def test_digits_that_carry_the_gap_are_refused(zoo, make):
    """Two columns that differ by a ten-thousandth of the gap: their difference is the gap."""
    table = make.features(zoo, columns=1)
    gap = zoo.table["gap"].sort_index()
    table["b"] = table["a"] + 1e-4 * gap
    [result] = make.results(zoo, splits=["kfold-10"], table=table)
    assert result.scores.r2_pooled > 0.999
    output = output_of(result)
    for id in result.signatures:
        output.signatures[id]["b"] = output.signatures[id]["a"]
    message = refused(result, output)
    assert "its signatures differ in digits that should not matter" in message


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"predictor": "other"}, "its predictor is toy-predictor, but that of the code is other"),
        ({"access": "test inputs"}, "its access is train, but that of the code is test inputs"),
        ({"regressor": "LinearRegression(positive=True)"}, "its regressor is LeastSquares(),"),
        ({"columns": ("a", "c", "b")}, "its columns is ('a', 'b', 'c'), but that of the code is"),
        ({"measure": OTHER_MEASURE}, "its measure is name='made-up'"),
        ({"predictor": "\x1b[31m\nred"}, r"but that of the code is \x1b[31m red"),
    ],
)
def test_code_of_another_predictor_is_refused(result, change, message):
    assert message in refused(result, output_of(result, **change))


def test_networks_left_out_must_be_impossible_to_measure(zoo, make):
    table = make.features(zoo)
    [result] = make.results(zoo, splits=["kfold-10"], table=table.drop("net-003"))
    output = output_of(result)
    check_output(result, regressor_from_text(result.regressor), ids_of(result), output)
    output.signatures["net-003"] = {"a": 0.1, "b": 0.1, "c": 0.1}
    assert "net-003 is left out as not measurable, but the code measures it" in refused(
        result, output
    )


def test_networks_that_the_code_does_not_measure_are_named(result):
    output = output_of(result)
    del output.signatures["net-004"]
    output.dropped["net-004"] = "no\nreason"
    assert "the code does not measure net-004: no reason" in refused(result, output)
    del output.dropped["net-004"]
    assert "does not measure net-004: it gives other features" in refused(result, output)


def test_the_output_is_read_as_something_from_strangers(result, tmp_path):
    honest = output_of(result).model_dump_json()
    path = tmp_path / OUTPUT
    assert read_output(tmp_path) is read_fault(tmp_path) is None
    for text, message in (
        (honest.replace('"signatures":{', '"signatures":{"a":{"b":NaN},'), "finite number"),
        ("no json", "the answer of the code is none"),
        (honest.replace("{", '{"extra":1,', 1), "extra"),
        (" " * (MESSAGE_BYTES + 1), "larger than any real one"),
    ):
        path.write_text(text)
        with pytest.raises(SubmissionError, match=message):
            read_output(tmp_path)
    path.write_text(honest)
    assert read_output(tmp_path) == output_of(result)
    path.unlink()
    path.symlink_to("/etc/hostname")
    assert read_output(tmp_path) is None


def test_predictors_without_columns_are_compared_too(zoo, make):
    from sklearn.dummy import DummyRegressor

    table = make.features(zoo, columns=1).drop(columns="a")
    [result] = make.results(zoo, splits=["kfold-10"], table=table, regressor=DummyRegressor())
    check_output(result, regressor_from_text(result.regressor), ids_of(result), output_of(result))
    assert np.ptp(list(result.fit.values())) == 0
