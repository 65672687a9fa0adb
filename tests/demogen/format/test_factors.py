import numpy as np
import pandas as pd
import pytest

from demogen.format.factors import coded, level_text


@pytest.mark.parametrize(
    ("factor", "values", "levels", "codes"),
    [
        ("width", [64, 8, 128, 8], [8, 64, 128], [1, 0, 2, 0]),
        ("width", pd.array([64, None, 8, 64], "Int64"), [None, 8, 64], [2, 0, 1, 2]),
        ("batch_norm", [True, None, False, True], [None, False, True], [2, 0, 1, 2]),
        ("l2", [0.5, np.nan, 1e-4, 0.5], [None, 1e-4, 0.5], [2, 0, 1, 2]),
        ("optimizer", ["sgd", "adam", "sgd", "adam"], ["adam", "sgd"], [1, 0, 1, 0]),
        (
            "augmentation",
            [np.array(["flip", "crop"]), ["crop"], [], ["crop"]],
            [(), ("crop",), ("flip", "crop")],
            [2, 1, 0, 1],
        ),
        (
            "channels",
            [np.array([8, 16]), None, np.array([8, 4]), np.array([8, 16])],
            [None, (8, 16), (8, 4)],
            [1, 0, 2, 1],
        ),
        ("augmentation", ["flips", None, "none", "flips"], [None, "flips", "none"], [1, 0, 2, 1]),
        ("zoo", ["b", "a", "b", "a"], ["a", "b"], [1, 0, 1, 0]),
        ("initial_std", [None] * 4, [None], [0] * 4),
    ],
)
def test_levels_are_sorted_plain_values_and_networks_numbered_by_them(
    factor, values, levels, codes
):
    found, known = coded(pd.DataFrame({factor: values}), factor)
    assert known == levels
    assert found.tolist() == codes
    numbers = (x for level in known for x in (level if isinstance(level, tuple) else (level,)))
    assert not any(isinstance(number, np.generic) for number in numbers)


def test_levels_in_words():
    assert [level_text(level) for level in (None, (), True, 1e-4, 64, ("a", "b"))] == [
        *("none", "none", "True", "0.0001", "64"),
        "a + b",
    ]


def test_lists_of_numbers_are_levels():
    """Arrow gives them as arrays of numpy, whose numbers do not compare with tuples."""
    frame = pd.DataFrame({"channels": [np.array([16, 2]), np.array([16]), np.array([16, 2])]})
    codes, levels = coded(frame, "channels")
    assert (codes.tolist(), levels) == ([1, 0, 1], [(16,), (16, 2)])
    assert level_text(levels[1]) == "16 + 2"
