from leaderboard.results.coloring import colorings


def test_the_factor_that_the_target_follows_comes_first():
    factors = {
        "width": {"a": 64, "b": 8, "c": 64, "d": 8.0},
        "copy": {"a": 1, "b": 1, "c": 2, "d": 2},
        "same": dict.fromkeys("abcd", 1),
        "name": {one: one for one in "abcd"},
        "deep": {"a": True, "b": True, "c": False, "d": False},
    }
    first, *others = colorings(list("abcd"), [0.9, 0.1, 0.8, 0.2], factors)
    assert (first.factor, first.levels, first.numbers) == ("width", ("8", "64"), (8.0, 64.0))
    assert first.codes == (1, 0, 1, 0)
    assert [coloring.factor for coloring in others] == ["copy", "deep"]
    assert others[1].levels == ("False", "True")
    assert others[1].numbers is None


def test_levels_that_are_missing_stand_first_and_are_no_numbers():
    factors = {"l2": {"a": 0.5, "b": 0.25, "c": None}}
    [coloring] = colorings(["a", "b", "c", "d"], [1.0, 2.0, 3.0, 4.0], factors)
    assert coloring.levels == ("none", "0.25", "0.5")
    assert coloring.codes == (2, 1, 0, 0)
    assert coloring.numbers is None


def test_equal_targets_and_no_factors():
    assert colorings(["a", "b"], [1.0, 2.0], {}) == []
    factors = {"x": {"a": 1, "b": 2, "c": 1}, "w": {"a": 1, "b": 1, "c": 2}}
    found = colorings(list("abc"), [0.1, 0.1, 0.1], factors)
    assert [coloring.factor for coloring in found] == ["w", "x"]
