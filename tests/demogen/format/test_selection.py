import pandas as pd
import pytest

from demogen.errors import ZooError
from demogen.format.selection import levels_named, normalized, rows_where

TABLE = pd.DataFrame(
    {
        "width": [64, 192, 192, 288],
        "dropout": [0.0, None, 0.5, 0.5],
        "norm": ["bn", None, "bn", "none"],
        "batch_norm": [True, False, True, False],
        "weight decay": [0.0, 1e-4, -1.0, 1e-4],
        "config.activation": ["relu", "tanh", "relu", "relu"],
        "copies": pd.array([1, 2, None, 2], "Int64"),
        "augment": [(), ("crop", "flip"), ("crop",), ()],
        "or else": [1, 2, 3, 4],
    }
)


def picked(condition):
    return [row for row, holds in enumerate(rows_where(condition, TABLE, "toy")) if holds]


@pytest.mark.parametrize(
    ("condition", "rows"),
    [
        ("width == 192", [1, 2]),
        ("width == 192 and dropout == 0.5", [2]),
        ("width == 64 or norm == 'none'", [0, 3]),
        ("not width == 192", [0, 3]),
        ("width in (64, 288) and dropout not in [0.5]", [0]),
        ("64 < width <= 192", [1, 2]),
        ("100 > width", [0]),
        ("dropout < 1", [0, 2, 3]),
        ("dropout >= 0", [0, 2, 3]),
        ("dropout == None", [1]),
        ("dropout is not None", [0, 2, 3]),
        ("dropout != 0.5", [0, 1]),
        ("copies == 2", [1, 3]),
        ("copies == None", [2]),
        ("batch_norm", [0, 2]),
        ("not batch_norm and `weight decay` > 0", [1, 3]),
        ("`weight decay` == -1", [2]),
        ("`weight decay` == -1.0 or norm == '`weight decay`'", [2]),
        ("config.activation == 'tanh'", [1]),
        ("augment == ('crop', 'flip')", [1]),
        ("augment == ()", [0, 3]),
        ("`or else` in {1, 4}", [0, 3]),
        ("width == 64 or width == 192 and not (norm == 'bn')", [0, 1]),
        ("width != copies", [0, 1, 2, 3]),
        ("width", []),
        ("1 == 1", [0, 1, 2, 3]),
    ],
)
def test_a_condition_picks_rows(condition, rows):
    assert picked(condition) == rows
    assert picked(normalized(condition)) == rows


@pytest.mark.parametrize(
    "condition",
    [
        *("", "width =", "width = 3", "width=100,200", "(" * 300, "width == 1; 2", "width\n== 3"),
        *("__import__('os')", "width.__class__() == 3", "width[0] == 1", "(lambda: 1) == 1"),
        *("[w for w in (1,)] == 1", "width + 1 == 65", "2 ** 9 ** 9 == width", "f'{width}' == ''"),
        *("width if norm else 1", "(width := 3) == 3", "-norm == 1", "width in norm", "1"),
        *("'a' 'b'", "~width == 1", "width == b'64'", "width == 1j", "width == ...", "*width"),
        *("print == (yield)", "max(width) == 1", "not 'x'", "norm == -'a'"),
    ],
)
def test_what_is_no_condition_is_refused_in_one_line(condition):
    with pytest.raises(ZooError) as raised:
        picked(condition)
    assert "\n" not in str(raised.value).replace(condition, "")


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ("widht == 3", r"no column of toy 'widht'; did you mean 'width'\? \(words stand in quotes"),
        ("config.activatoin == 1", "did you mean 'config.activation'"),
        ("`weight-decay` == 1", "did you mean 'weight decay'"),
        ("norm == bn", r"no column of toy 'bn'.*\(words stand in quotes\)"),
        ("width < 'a'", "64 and 'a' are compared, which have no order"),
    ],
)
def test_mistakes_are_named(condition, message):
    with pytest.raises(ZooError, match=message):
        picked(condition)


def test_levels_are_told_and_conditions_have_one_form():
    assert levels_named("width == 1 or `weight decay` == 2", TABLE, "toy") == (
        "width is 64, 192, 288; weight decay is -1, 0, 0.0001"
    )
    assert (
        normalized(" (width==192)  and `weight decay`<1 ") == "width == 192 and `weight decay` < 1"
    )
