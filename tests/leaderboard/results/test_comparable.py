import pytest

from leaderboard.results.comparable import comparable
from leaderboard.results.ranking import ranked_tables

SPLIT = ["grouped-kfold-10"]


@pytest.fixture(scope="module")
def on(make):
    """Results of predictors on a zoo of its own name and networks."""

    def made(name, *predictors, seed=0, target="gap", splits=SPLIT, digest=None, drop=0):
        zoo = make.zoo(12, seed=seed)
        zoo.name, zoo.digest = name, (digest or f"{seed:02x}") * 32
        return [
            result
            for number, predictor in enumerate(predictors)
            for result in make.results(
                zoo,
                name=predictor,
                table=make.features(zoo, noise=0.02 + 0.1 * number).iloc[drop:],
                splits=splits,
                target=target,
            )
        ]

    return made


def found(*results, target="gap"):
    return comparable(ranked_tables([one for some in results for one in some]), target)


def test_predictors_on_every_zoo_count_and_the_others_are_told_with_the_reason(on):
    of = found(on("b", "x", "y", "z", seed=1), on("a", "x", "y", "w", seed=2))
    assert not of.fault
    assert of.labels == ("a", "b")
    assert [table.zoo for table in of.tables] == ["a", "b"]
    assert of.predictors == ("x", "y")
    assert of.left_out == {"w": "no R² of all on b", "z": "no R² of all on a"}


def test_each_zoo_counts_once_by_the_split_that_ranks(on):
    splits = ["kfold-10", "grouped-kfold-10", "holdout-100"]
    of = found(on("a", "x", "y", seed=1, splits=splits), on("b", "x", "y", seed=2, splits=splits))
    assert [(table.zoo, table.ranking) for table in of.tables] == [
        ("a", "grouped-kfold-10"),
        ("b", "grouped-kfold-10"),
    ]


def test_a_zoo_that_would_leave_nothing_to_compare_is_left_out(on):
    of = found(
        on("a", "x", "y", "z", seed=1), on("b", "x", "y", seed=2), on("c", "x", "other", seed=3)
    )
    assert of.labels == ("a", "b")
    assert of.left_out == {
        "c": "fewer than two predictors in common with the zoos that count",
        "other": "no R² of all on a, b",
        "z": "no R² of all on b",
    }


def test_a_pool_does_not_count_beside_its_zoos(on):
    one, two = on("a", "x", "y", seed=1), on("b", "x", "y", seed=2)
    pool = on("a+b", "x", "y", "z", seed=1, digest="ab")
    of = found(pool, one, two)
    assert of.labels == ("a", "b")
    assert of.left_out["a+b"] == "its networks are those of a, which counts"
    # With none of its zoos there it is a zoo as any other.
    assert found(pool, two).labels == ("a+b", "b")


def test_two_states_of_a_zoo_count_once(on):
    of = found(on("a", "x", "y", seed=1), on("a", "x", "y", seed=1, digest="77", drop=6))
    assert of.labels == (f"a@{'01' * 6}",)
    assert of.left_out == {f"a@{'77' * 6}": f"its networks are those of a@{'01' * 6}, which counts"}
    assert "needs two zoos with two predictors in common" in of.fault
    assert "is left out: its networks are those of" in of.fault


def test_faults_name_what_is_lacking(on):
    one = on("a", "x", "y", seed=1)
    assert found(one).fault == (
        "a standing across zoos needs results of gap on two zoos, and those here are on 1; "
        "evaluate the same predictors on another zoo"
    )
    assert "and there are none here" in found(one, target="test_accuracy").fault
    alone = found(on("a", "x", seed=1), on("b", "x", seed=2))
    assert alone.fault == (
        "a standing across zoos needs two zoos with two predictors in common, and a is left out: "
        "fewer than two predictors; evaluate the same predictors on another zoo"
    )
    divisions = on("b", "x", "y", seed=2, splits=["holdout-100"])
    assert found(one, divisions).left_out == {"b": "no result on a split that ranks"}


def test_targets_are_apart(on):
    accuracy = [on(name, "x", "y", seed=n, target="test_accuracy") for n, name in enumerate("ab")]
    of = found(on("a", "x", "y"), *accuracy, target="test_accuracy")
    assert {table.target for table in of.tables} == {"test_accuracy"}
    assert found(on("a", "x", "y"), *accuracy).fault
