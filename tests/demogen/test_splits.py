import pandas as pd
import pytest

from demogen.errors import ZooError
from demogen.splits import Split, make_splits


def table(count, copies=2):
    ids = [f"net-{number:03}" for number in range(count)]
    return pd.DataFrame({"configuration": [f"c{n // copies}" for n in range(count)]}, index=ids)


def test_partitions_test_every_network_once_in_folds_of_equal_size():
    splits = make_splits(table(96))
    assert list(splits) == ["kfold-10", "holdout-100", "grouped-kfold-10"]
    for name in ("kfold-10", "grouped-kfold-10"):
        tested = [network for fold in splits[name].folds for network in fold.test]
        assert sorted(tested) == list(table(96).index)
        sizes = {len(fold.test) for fold in splits[name].folds}
        assert max(sizes) - min(sizes) <= (1 if name == "kfold-10" else 2)
        for fold in splits[name].folds:
            assert set(fold.train) == set(table(96).index) - set(fold.test)


def test_copies_stay_together_in_grouped_folds_only():
    configuration = table(96)["configuration"]
    splits = make_splits(table(96))

    def straddles(split):
        return any(
            set(configuration[list(fold.test)]) & set(configuration[list(fold.train)])
            for fold in split.folds
        )

    assert not straddles(splits["grouped-kfold-10"])
    assert straddles(splits["kfold-10"])


def test_holdout_draws_a_tenth_a_hundred_times():
    split = make_splits(table(80))["holdout-100"]
    assert [len(fold.test) for fold in split.folds] == [8] * 100
    assert len({fold.test for fold in split.folds}) > 90


def test_splits_do_not_depend_on_the_order_of_rows_and_are_pinned():
    splits = make_splits(table(96))
    shuffled = make_splits(table(96).sample(frac=1, random_state=1))
    assert splits == shuffled
    assert splits["kfold-10"].digest[:12] == "f2c25e6337e6"
    assert make_splits(table(96), seed=1)["kfold-10"].digest != splits["kfold-10"].digest


def test_small_zoos_have_leave_one_out_only():
    splits = make_splits(table(6))
    assert list(splits) == ["leave-one-out"]
    assert [fold.test for fold in splits["leave-one-out"].folds] == [(i,) for i in table(6).index]


def test_too_few_configurations_make_no_grouped_folds():
    assert "grouped-kfold-10" not in make_splits(table(40, copies=8))


def test_stored_form_round_trip():
    split = make_splits(table(24))["grouped-kfold-10"]
    read = Split.from_json(split.to_json(), "z@1")
    assert (read.folds, read.digest) == (split.folds, split.digest)
    assert read.citation().startswith("split grouped-kfold-10 of zoo z@1, 10 folds, sha256:")


@pytest.mark.parametrize(
    ("tests", "message"),
    [
        ([["a"], ["b"]], "overlap or leave networks out"),
        ([["a", "b"], ["b", "c"]], "overlap or leave networks out"),
        ([["a"], ["b"], []], "fold 2 leaves nothing"),
        ([["a", "b", "c"]], "fold 0 leaves nothing"),
        ([["a"], ["b"], ["x"]], "unknown id x"),
        ([["a", "a"], ["b"], ["c"]], "tests a network twice"),
        ([], "has no folds"),
    ],
)
def test_wrong_folds_are_refused(tests, message):
    with pytest.raises(ZooError, match=message):
        Split("s", "partition", ("a", "b", "c"), tuple(map(tuple, tests)))


def test_unsorted_or_repeated_ids_are_refused():
    with pytest.raises(ZooError, match="not sorted"):
        Split("s", "partition", ("b", "a"), (("a",), ("b",)))
