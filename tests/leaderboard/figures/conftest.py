import pytest

from leaderboard.figures.style import STYLE


@pytest.fixture
def without_layout(monkeypatch):
    """Drawing takes half the time; layout is held by what is `painted`, and by test_style."""
    monkeypatch.setitem(STYLE, "figure.constrained_layout.use", False)
