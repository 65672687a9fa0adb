import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from demogen.errors import PredictorError
from demogen.measuring.predictor import get_predictor, list_predictors
from leaderboard.fitting.regressor_text import (
    CLASSES,
    FUNCTIONS,
    UFUNCS,
    regressor_from_text,
    regressor_to_text,
)


def parts(value):
    """An estimator as plain values that compare."""
    if hasattr(value, "get_params"):
        return type(value), {k: parts(v) for k, v in value.get_params(deep=False).items()}
    if isinstance(value, list | tuple):
        return [parts(item) for item in value]
    return value.tolist() if isinstance(value, np.ndarray) else value


@pytest.mark.parametrize("name", list_predictors())
def test_the_regressor_of_every_installed_predictor_comes_back_from_its_text(name):
    regressor = get_predictor(name).regressor
    assert parts(regressor_from_text(regressor_to_text(regressor))) == parts(regressor)


@pytest.mark.parametrize(
    "regressor",
    [
        LinearRegression(fit_intercept=False),
        RidgeCV(alphas=np.array([0.5, 2.0]), fit_intercept=False),
        make_pipeline(FunctionTransformer(np.log1p), StandardScaler(), RidgeCV((np.float64(0.5),))),
    ],
)
def test_others_made_of_known_parts_come_back_too(regressor):
    assert parts(regressor_from_text(regressor_to_text(regressor))) == parts(regressor)


def test_text_of_a_regressor_is_the_same_each_time():
    pipeline = make_pipeline(FunctionTransformer(parts), LinearRegression(positive=True))
    text = regressor_to_text(pipeline)
    assert "0x" not in text
    assert "\n" not in text
    assert "<function parts>" in text
    assert "LinearRegression(positive=True)" in text


def test_every_known_name_is_there():
    for name, known in CLASSES.items():
        kind = getattr(pytest.importorskip(known.module), name)
        assert known.parameters <= set(kind().get_params() if name not in NEEDY else NEEDY[name])
    for name, (where, _) in FUNCTIONS.items():
        assert callable(getattr(pytest.importorskip(where), name))
    assert all(isinstance(getattr(np, name), np.ufunc) for name in UFUNCS)


NEEDY = {"BestGroup": {"groups"}, "Pipeline": {"steps"}}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("RandomForestRegressor()", "is a RandomForestRegressor; what can be fitted again here is"),
        ("Pipeline(steps=[], memory='/tmp/x')", "gives Pipeline the parameter memory"),
        ("Ridge(alpha=1.0, alpha=2.0)", "gives Ridge the parameter alpha"),
        ("FunctionTransformer(func=<function exp2>)", "applies exp2"),
        ("FunctionTransformer(func=<ufunc 'add'>)", "applies add"),
        ("FunctionTransformer(func=<ufunc 'log'>, kw_args={'out': 1})", "with 'out' of 1"),
        (
            "FunctionTransformer(func=<function log_floored>, kw_args={'floor': 'x'})",
            "with 'floor' of 'x'",
        ),
        ("FunctionTransformer(func='log')", "func of an unknown kind"),
        ("ForwardSelection(count=1000000000)", "has a whole number above 100,000"),
        ("BestGroup(groups=((0, 1), ...))", "is cut short"),
        ("LinearRegression(fit_intercept=open('/etc/passwd'))", "is no call of a class"),
        ("__import__('os').system('true')", "is no call of a class"),
        ("LinearRegression(*[1])", "is no call of a class"),
        ("FunctionTransformer(func=<ufunc 'log'>, kw_args={[]: 1})", "is no call of a class"),
        ("LinearRegression", "is no call of a class"),
        ("(" * 5000, "is no call of a class"),
        ("-" * 19_000 + "1", "is no call of a class"),
        ("LinearRegression()" + " " * 20_000, "longer than 20,000"),
    ],
)
def test_anything_else_is_refused(text, message):
    with pytest.raises(PredictorError, match=message.replace("(", r"\(")) as error:
        regressor_from_text(text)
    assert "\n" not in str(error.value)
