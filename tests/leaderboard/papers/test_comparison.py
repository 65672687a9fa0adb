from dataclasses import replace
from types import SimpleNamespace

import pandas as pd
import pytest

from demogen.schema.collections import PublishedCollection
from leaderboard.papers.comparison import ZooAtHand, compare

PAPER = {"key": "jiang2019", "title": "t", "section": "s"}
NIN, TEN, HUNDRED = "nin-cifar10", "resnet32-cifar10", "resnet32-cifar100"
BOTH = f"margin-quartiles-log on {NIN} and {TEN}"


def collection(name, printed, networks=216, levels=None, paper=PAPER):
    return PublishedCollection(
        name=name,
        paper=paper,
        networks=networks,
        levels={"width": (8, 16)} if levels is None else levels,
        printed_results=printed,
    )


def zoo_called(make, name, configurations=20, seed=0, prefix=""):
    made = make.zoo(configurations, seed=seed)
    table = made.table.assign(width=8)
    table.index = pd.Index([f"{prefix}{id}" for id in table.index], name="id")
    return SimpleNamespace(
        name=name, digest=f"{seed:x}a" * 32, revision="", table=table, image_sets={}
    )


def judged(make, zoo, **how):
    from demogen.format.splits import make_splits

    zoo.splits = make_splits(zoo.table)
    return make.results(zoo, name="margin-quartiles-log", **how)


@pytest.fixture
def nin(make):
    return zoo_called(make, NIN)


def at_hand(zoo):
    return ZooAtHand(zoo.name, zoo.digest, zoo.table)


PRINTED = {
    "margin-quartiles-log": {"adjusted_r2": 0.94, "kfold_r2": 0.9, "rmse_points": 1.5},
    "margin-tap-log": {"adjusted_r2": 0.86},
    "of another table": {"what": 3.0},
}


def test_a_collection_in_small_is_held_against_the_published_one(make):
    small = zoo_called(make, "nin-small-cifar10")
    (found,) = compare(judged(make, small), [collection(NIN, PRINTED)], [at_hand(small)])
    assert (found.collection, found.networks_in_full) == (NIN, 216)
    assert found.zoo == f"nin-small-cifar10@{small.digest[:12]}"
    assert found.cut_down == ("width: 8 (in full: 8, 16)",)
    assert found.numbers[0].ours is not None


def test_each_printed_number_has_one_row_beside_ours(make, nin):
    results = judged(make, nin)
    (found,) = compare(results, [collection(NIN, PRINTED)], [at_hand(nin)])
    assert (found.paper, found.collection, found.networks_in_full) == ("jiang2019", NIN, 216)
    assert (found.zoo, found.networks) == (f"{NIN}@{nin.digest[:12]}", 60)
    assert found.cut_down == ("width: 8 (in full: 8, 16)",)
    assert [(number.row, number.statistic, number.printed) for number in found.numbers] == [
        (row, statistic, value)
        for row, printed in PRINTED.items()
        for statistic, value in printed.items()
    ]
    adjusted, kfold, root, other, unknown = found.numbers
    on_kfold = next(result for result in results if result.split == "kfold-10")
    assert adjusted.ours == on_kfold.scores.fit_adjusted_r2
    assert kfold.ours == on_kfold.scores.r2_fold_mean
    assert root.ours == pytest.approx(100 * on_kfold.scores.fit_mse**0.5)
    assert [number.networks for number in found.numbers] == [60, 60, 60, None, None]
    assert adjusted.place == "Table 1, qrt+log, CNN + CIFAR10"
    assert (adjusted.heading, root.heading) == ("A R²", "mse")
    assert (adjusted.remark, root.remark[:18]) == ("", "ours is 100·RMSE o")
    assert (other.ours, other.remark) == (None, "no result of margin-tap-log")
    assert (unknown.place, unknown.ours, unknown.remark) == ("", None, "nothing here measures it")


def test_without_a_zoo_the_printed_numbers_stand_alone(make, nin):
    other = judged(make, zoo_called(make, "digits"))
    (found,) = compare(other, [collection(NIN, PRINTED)], [])
    assert (found.zoo, found.networks, found.cut_down) == ("", None, ())
    assert len(found.numbers) == 5
    assert all(number.ours is None and not number.remark for number in found.numbers)


def test_results_count_without_their_zoo_but_nobody_knows_what_was_cut_down(make, nin):
    results = judged(make, nin)
    (found,) = compare(results, [collection(NIN, PRINTED)], [])
    assert found.numbers[0].ours is not None
    assert found.networks == 60
    assert found.cut_down == ("not known here: the zoo is not at hand",)
    told = collection(NIN, PRINTED, networks=None, levels={})
    (found,) = compare(results, [told], [at_hand(nin)])
    assert found.networks_in_full is None
    assert found.cut_down == ("not known here: no installed package has the whole collection",)


def test_results_of_another_digest_are_held_apart(make, nin):
    other = zoo_called(make, NIN, seed=3)
    results = [*judged(make, nin), *judged(make, other, noise=0.5)]
    first, second = compare(results, [collection(NIN, PRINTED)], [at_hand(other), at_hand(nin)])
    assert [first.zoo, second.zoo] == [f"{NIN}@{one.digest[:12]}" for one in (nin, other)]
    assert first.numbers[0].ours != second.numbers[0].ours


def test_networks_not_measured_are_of_the_zoo_but_not_of_the_number(make, nin):
    lost = dict.fromkeys(nin.table.index[:4], "it has no margins")
    table = make.features(nin).drop(index=list(lost))
    (found,) = compare(
        judged(make, nin, table=table, failures=lost), [collection(NIN, PRINTED)], []
    )
    assert (found.networks, found.numbers[0].networks) == (60, 56)


def test_a_pool_has_its_numbers_once_and_its_own_results(make, nin):
    ten = zoo_called(make, TEN, seed=1, prefix="res-")
    of_pool = {BOTH: {"adjusted_r2": 0.91, "kfold_r2": 0.88}}
    collections = [collection(name, {**PRINTED, **of_pool}) for name in (NIN, TEN)]
    pool = SimpleNamespace(
        name=f"{NIN}+{TEN}",
        digest="9b" * 32,
        revision="",
        table=pd.concat([nin.table, ten.table]),
        image_sets={},
    )
    results = [*judged(make, nin), *judged(make, pool, noise=0.3)]
    found = compare(results, collections, [at_hand(ten), at_hand(nin)])
    assert [one.collection for one in found] == [NIN, TEN, f"{NIN}+{TEN}"]
    pooled = found[-1]
    assert (pooled.networks, pooled.networks_in_full) == (120, 432)
    assert pooled.zoo == f"{NIN}+{TEN}@{pool.digest[:12]}"
    assert pooled.cut_down == tuple(f"{n}: width: 8 (in full: 8, 16)" for n in (NIN, TEN))
    assert [number.place for number in pooled.numbers] == ["appendix D.1"] * 2
    of = {result.split: result for result in results if result.zoo == pool.name}
    assert pooled.numbers[1].ours == of["kfold-10"].scores.r2_fold_mean
    assert all(number.row != BOTH for one in found[:2] for number in one.numbers)
    # Zoos of these names that are not those pooled say nothing of what was cut down.
    strange = [at_hand(nin), replace(at_hand(ten), table=ten.table.add_prefix("x", axis=0))]
    cut_down = compare(results, collections, strange)[-1].cut_down
    assert cut_down[1] == f"{TEN}: not known here: the zoo is not at hand"


def test_a_zoo_of_a_collection_without_numbers_says_what_it_cut_down(make):
    zoo = zoo_called(make, "mlp-small-mnist")
    novak = {**PAPER, "key": "novak2018"}
    collections = [collection(zoo.name, {}, paper=novak), collection(NIN, PRINTED)]
    first, second = compare([], collections, [at_hand(zoo)])
    assert (first.collection, second.collection) == (NIN, zoo.name)
    assert (second.numbers, second.networks) == ((), 60)
    assert second.cut_down == ("width: 8 (in full: 8, 16)",)


def test_the_order_given_does_not_matter(make, nin):
    results = judged(make, nin)
    collections = [collection(name, PRINTED) for name in (NIN, TEN, HUNDRED)]
    once = compare(results, collections, [at_hand(nin)])
    again = compare(results[::-1], collections[::-1], [at_hand(nin)])
    assert once == again
