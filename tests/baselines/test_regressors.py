import numpy as np
import pytest
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from baselines.regressors import LevelIndicators, one_hot_least_squares
from demogen.measuring.least_squares import LeastSquares
from leaderboard.fitting.regressor_text import regressor_from_text, regressor_to_text


@pytest.fixture
def settings():
    """Levels of four features, the last constant; the last rows have levels of their own."""
    draw = np.random.default_rng(0)
    X = np.column_stack([draw.choice([-0.0, 0.0, 0.1, 1e-4, 7.0], size=(60, 3)), np.ones(60)])
    X[55:, 1:] = 8.0
    return X, draw.standard_normal(60)


def test_indicators_are_those_of_scikit_learn_to_the_last_bit(settings):
    X, y = settings
    encoder = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    ours, theirs = LevelIndicators().fit(X[:50]), encoder.fit(X[:50])
    expected = theirs.transform(X)
    assert expected[55:].sum(axis=1).tolist() == [1.0] * 5
    np.testing.assert_array_equal(ours.transform(X), expected)
    assert ours.transform(X).flags.c_contiguous
    fitted = one_hot_least_squares().fit(X[:50], y[:50])
    reference = make_pipeline(clone(encoder), LeastSquares()).fit(X[:50], y[:50])
    assert fitted.predict(X).tolist() == reference.predict(X).tolist()
    assert fitted[-1].coef_.tolist() == reference[-1].coef_.tolist()


def test_they_are_made_again_from_their_text():
    text = regressor_to_text(one_hot_least_squares())
    assert text == (
        "Pipeline(steps=[('levelindicators', LevelIndicators()), ('leastsquares', LeastSquares())])"
    )
    assert regressor_to_text(regressor_from_text(text)) == text
