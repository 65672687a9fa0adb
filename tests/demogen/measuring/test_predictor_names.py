import pytest

from demogen.errors import PredictorError
from demogen.measuring.predictor_names import predictor_called


def test_predictors_are_asked_for_with_parameters(monkeypatch):
    monkeypatch.setattr(
        "demogen.measuring.predictor_names.get_predictor",
        lambda name, **parameters: (name, parameters),
    )
    assert predictor_called("loss") == ("loss", {})
    assert predictor_called("loss(p=1,norm=l-2, on=None,taps=('h1', 'h2'), x=-1e-3)") == (
        "loss",
        {"p": 1, "norm": "l-2", "on": None, "taps": ("h1", "h2"), "x": -0.001},
    )
    for text in ("loss(", "loss(1)", "loss(p=1) + 2", "loss(**x)", "loss(p=1)(q=2)"):
        with pytest.raises(PredictorError, match="write name"):
            predictor_called(text)
