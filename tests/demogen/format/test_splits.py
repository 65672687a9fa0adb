import json

import pandas as pd
import pytest

from demogen import Pool, load_zoo
from demogen.errors import CorruptZooError, UnknownSplitError, ZooError
from demogen.format.splits import Split, factors_to_leave_out, make_splits
from demogen.schema.records import sha256


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
    pinned = {name: split.digest[:12] for name, split in splits.items()}
    assert pinned == {
        "kfold-10": "f2c25e6337e6",
        "holdout-100": "369257dec35f",
        "grouped-kfold-10": "1e3978d98630",
    }
    assert make_splits(table(6))["leave-one-out"].digest[:12] == "e576edfdfc88"
    assert make_splits(table(96), seed=1)["kfold-10"].digest != splits["kfold-10"].digest


def test_small_zoos_have_leave_one_out_only():
    splits = make_splits(table(6))
    assert list(splits) == ["leave-one-out"]
    assert [fold.test for fold in splits["leave-one-out"].folds] == [(i,) for i in table(6).index]


def varied():
    """24 networks, a copy of each configuration beside it, under factors of every sort."""
    number = range(24)
    configuration = [n // 2 for n in number]
    return pd.DataFrame(
        {
            "configuration": [f"c{n}" for n in configuration],
            "width": [(8, 128, 64)[n % 3] for n in configuration],
            "depth": [(5, 2, 3)[n % 3] for n in configuration],
            "batch_norm": [None if n % 4 == 0 else n % 2 == 0 for n in configuration],
            "l2": [0.001 * n for n in configuration],
            "optimizer": ["sgd"] * 24,
            "augmentation": [[["crop", "flip"], []][n // 6] for n in configuration],
            "copy_number": [1 + n % 2 for n in number],
            "seed": [n % 4 for n in number],
            "gap": [0.1 * (n % 5) for n in number],
        },
        index=[f"net-{n:03}" for n in number],
    )


def test_each_level_of_a_factor_is_left_out_in_turn():
    table = varied()
    splits = {name: s for name, s in make_splits(table).items() if s.kind == "levels"}
    # Depth is told by width; there are twelve levels of l2 and one optimizer; copies, seeds and
    # outcomes are no factors.
    assert list(splits) == ["leave-width-out", "leave-batch-norm-out", "leave-augmentation-out"]
    levels = {
        "leave-width-out": table["width"].map({8: 0, 64: 1, 128: 2}),
        "leave-batch-norm-out": table["batch_norm"].map({None: 0, False: 1, True: 2}),
        "leave-augmentation-out": table["augmentation"].map(len).map({0: 0, 2: 1}),
    }
    for name, split in splits.items():
        assert len(split.tests) == levels[name].nunique()
        for number, fold in enumerate(split.folds):
            assert fold.test == tuple(table.index[levels[name] == number])
            assert sorted(fold.train + fold.test) == list(table.index)


def test_leaving_out_does_not_depend_on_the_order_of_rows_or_on_the_seed():
    splits, shuffled = make_splits(varied()), make_splits(varied()[::-1], seed=1)
    for name, split in splits.items():
        assert (shuffled[name] == split) == (split.kind == "levels"), name
    assert splits["leave-width-out"].digest[:12] == "163af29d7cdf"


def test_ten_levels_are_left_out_and_eleven_are_not():
    table = varied()
    table["width"] = [n % 10 for n in range(24)]
    table["depth"] = [n % 11 for n in range(24)]
    assert factors_to_leave_out(table)[0] == "width"
    assert "depth" not in factors_to_leave_out(table)


def test_columns_are_left_out_as_asked_where_they_have_levels():
    table = varied().assign(zoo=["b", "a"] * 12, images="digits")
    splits = make_splits(table, factors=("zoo", "depth", "images"))
    assert [name for name in splits if name.startswith("leave")] == [
        "leave-zoo-out",
        "leave-depth-out",
    ]
    assert splits["leave-zoo-out"].tests[0] == tuple(table.index[1::2])


def test_the_kind_is_part_of_the_digest():
    split = make_splits(varied())["leave-width-out"]
    read = Split.from_json(split.to_json())
    assert (read, read.digest) == (split, split.digest)
    other = Split(split.name, "partition", split.ids, split.tests)
    assert other.digest != split.digest


def test_a_zoo_has_them_and_its_older_splits_are_what_they_were(tiny_zoo):
    digests = {name: split.digest[:12] for name, split in tiny_zoo.splits.items()}
    sizes = {name: [len(test) for test in split.tests] for name, split in tiny_zoo.splits.items()}
    assert digests["kfold-10"] == "b0dbff44353b"
    assert digests["grouped-kfold-10"] == "967faccc10db"
    assert digests["holdout-100"] == "1d7a40d3bdd1"
    left_out = {name: size for name, size in sizes.items() if name.startswith("leave")}
    assert left_out == {
        "leave-batch-norm-out": [12, 12],
        "leave-corruption-out": [12, 12],
        "leave-width-out": [8, 8, 8],
    }
    fold = tiny_zoo.splits["leave-width-out"].folds[0]
    assert set(tiny_zoo.table.loc[list(fold.test), "width"]) == {4}
    assert set(tiny_zoo.table.loc[list(fold.train), "width"]) == {6, 8}


@pytest.mark.parametrize("change", ["gap", "stranger", "name"])
def test_a_stored_split_of_other_networks_or_name_is_refused(copied_zoo_folder, change):
    path = "splits/leave-width-out.json"
    stored = json.loads((copied_zoo_folder / path).read_text())
    lost = stored["tests"][0].pop()
    stored["ids"].remove(lost)
    if change != "gap":
        other = lost if change == "name" else "zzz"
        stored["ids"] = sorted([*stored["ids"], other])
        stored["tests"][0].append(other)
    if change == "name":
        stored["name"] = "leave-depth-out"
    content = json.dumps(stored).encode()
    (copied_zoo_folder / path).write_bytes(content)
    manifest = json.loads((copied_zoo_folder / "zoo.json").read_text())
    manifest["files"][path] = {"bytes": len(content), "sha256": sha256(content)}
    (copied_zoo_folder / "zoo.json").write_text(json.dumps(manifest))
    with pytest.raises(CorruptZooError, match="leave-width-out.json is no split of it by that"):
        _ = load_zoo(copied_zoo_folder).splits["leave-width-out"]


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
@pytest.mark.parametrize("kind", ["partition", "levels"])
def test_wrong_folds_are_refused(tests, message, kind):
    with pytest.raises(ZooError, match=message):
        Split("s", kind, ("a", "b", "c"), tuple(map(tuple, tests)))
    text = json.dumps({"name": "s", "kind": kind, "ids": ["a", "b", "c"], "tests": tests})
    with pytest.raises(ZooError, match=message):
        Split.from_json(text.encode())


def test_an_unknown_kind_is_refused_when_read():
    text = b'{"name": "s", "kind": "random", "ids": ["a", "b"], "tests": [["a"], ["b"]]}'
    with pytest.raises(ZooError, match="kind: Input should be"):
        Split.from_json(text)


def test_unsorted_or_repeated_ids_are_refused():
    with pytest.raises(ZooError, match="not sorted"):
        Split("s", "partition", ("b", "a"), (("a",), ("b",)))


def test_splits_are_taken_by_name_and_near_names_are_offered(tiny_zoo, mlp_zoo_folder):
    with pytest.raises(UnknownSplitError, match=r"^no split of zoo .* 'leaveoneout'; did you mean"):
        _ = load_zoo(mlp_zoo_folder).splits["leaveoneout"]
    with pytest.raises(ZooError, match="did you mean 'kfold-10'"):
        _ = tiny_zoo.splits["kfold10"]
    assert tiny_zoo.splits.get("kfold10") is None
    pool = Pool([tiny_zoo, load_zoo(mlp_zoo_folder)])
    with pytest.raises(KeyError, match="'leave-zoo-out'"):
        _ = pool.splits["leave-zoos-out"]
    assert f"of zoo {pool.name}@{pool.digest[:12]}" in pool.splits["leave-zoo-out"].citation()
