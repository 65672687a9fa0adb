import hashlib
import json
import pickle
import shutil

import pytest

import demogen
from demogen import Measure, Network, Pool, ZooError, load_zoo, measure, measure_all
from demogen.errors import CorruptZooError
from demogen.format.splits import make_splits
from demogen.zoo.pool import open_zoos


class Weights(Measure):
    name = "weights"
    seen = ()

    def compute(self, network):
        # Set anew, which makes it a count of this class and no setting of its numbers.
        type(self).seen = (*type(self).seen, network.id)
        return {"sum": float(sum(w.double().sum() for w in network.module.parameters()))}


class Bright(Weights):
    """Reads images."""

    name = "bright"
    access = demogen.Access.TRAIN

    def compute(self, network):
        return {"mean": float(network.train.images.mean())}


@pytest.fixture
def zoos(tiny_zoo_folder, mlp_zoo_folder):
    Weights.seen = ()
    return load_zoo(mlp_zoo_folder), load_zoo(tiny_zoo_folder)


@pytest.fixture
def pool(zoos):
    return Pool(zoos)


@pytest.fixture
def copy_of(tmp_path):
    """Copies a zoo's folder, with another zoo.json."""

    def copy(zoo, **changes):
        folder = shutil.copytree(zoo.storage.place, tmp_path / f"copy-of-{zoo.name}")
        manifest = json.loads((folder / "zoo.json").read_text())
        (folder / "zoo.json").write_text(json.dumps({**manifest, **changes}))
        return load_zoo(folder)

    return copy


def test_a_pool_is_the_same_whatever_the_order_of_its_zoos(zoos, pool):
    mlp, tiny = zoos
    other = Pool([tiny, mlp])
    assert (pool.name, pool.digest, pool.ids) == (other.name, other.digest, other.ids)
    assert pool.splits == other.splits
    assert pool.table.equals(other.table)
    assert (pool.name, len(pool), pool.revision) == ("tiny+tiny-mlp", 36, "")
    assert repr(pool) == f"Pool('tiny+tiny-mlp', 36 networks, sha256:{pool.digest[:12]})"
    assert demogen.Pool is Pool


@pytest.mark.parametrize("digest", ["0" * 64, "f" * 64])
def test_the_digest_is_over_sorted_digests_whatever_the_names(zoos, monkeypatch, digest):
    monkeypatch.setattr(zoos[0], "_digest", digest)
    first, second = sorted([digest, zoos[1].digest])
    listed = f'{{"pool":["{first}","{second}"]}}'
    assert Pool(zoos).digest == hashlib.sha256(listed.encode()).hexdigest()


def test_the_table_is_those_of_the_zoos_one_below_the_other(zoos, pool):
    mlp, tiny = zoos
    assert list(pool.table.index) == pool.ids == tiny.ids + mlp.ids
    assert pool.table.index.name == "id"
    assert list(pool.table.columns) == ["zoo", *tiny.table.columns]
    assert "zoo" not in tiny.table
    for zoo in zoos:
        part = pool.table[pool.table["zoo"] == zoo.name]
        for column in zoo.table.columns:
            ours, theirs = part[column].astype(object), zoo.table[column].astype(object)
            assert ours.where(ours.notna(), None).tolist() == (
                theirs.where(theirs.notna(), None).tolist()
            ), column


def test_splits_are_made_from_its_table_and_leave_zoos_and_families_out(zoos, pool):
    mlp, tiny = zoos
    assert list(pool.splits) == [
        *("grouped-kfold-10", "holdout-100", "kfold-10", "leave-family-out", "leave-zoo-out")
    ]
    assert pool.splits["leave-zoo-out"].tests == (tuple(sorted(tiny.ids)), tuple(sorted(mlp.ids)))
    # By architecture the other way round: "mlp" comes before "nin".
    assert pool.splits["leave-family-out"].tests == pool.splits["leave-zoo-out"].tests[::-1]
    configuration = pool.table["configuration"]
    for split in pool.splits.values():
        assert split.ids == tuple(sorted(pool.ids))
        assert split.citation().startswith(
            f"split {split.name} of zoo tiny+tiny-mlp@{pool.digest[:12]}, "
        )
    for fold in pool.splits["grouped-kfold-10"].folds:
        assert not set(configuration[list(fold.test)]) & set(configuration[list(fold.train)])


def test_several_image_sets_are_left_out_too(pool):
    table = pool.table.copy()
    table.loc[table["zoo"] == "tiny", "images"] = ["cifar10", "digits"] * 12
    from demogen.zoo.pool import ACROSS

    split = make_splits(table, factors=ACROSS)["leave-images-out"]
    assert [len(test) for test in split.tests] == [12, 24]


def test_what_makes_no_pool_is_refused(zoos, copy_of):
    mlp, tiny = zoos
    for too_few in ([], [tiny]):
        with pytest.raises(ZooError, match=f"two zoos or more, not {len(too_few)}; use a zoo"):
            Pool(too_few)
    first = tiny.ids[0]
    for again in (tiny, copy_of(tiny, name="other")):
        with pytest.raises(ZooError, match=rf"network {first} is in .* and in .*; a pool holds"):
            Pool([tiny, mlp, again])
    with pytest.raises(ZooError, match=r"zoo tiny-mlp .* trained on other digits images \(000000"):
        Pool([tiny, copy_of(mlp, image_sets={"digits": "0" * 64})])


def test_parts_of_one_collection_are_told_apart_by_their_digests(zoos, copy_of):
    mlp, tiny = zoos
    part = copy_of(mlp, name="tiny")
    pool = Pool([part, tiny])
    names = sorted(f"tiny@{zoo.digest[:12]}" for zoo in (part, tiny))
    assert pool.name == "+".join(names)
    assert set(pool.table["zoo"]) == set(names)
    assert len(pool.splits["leave-zoo-out"].folds) == 2


def test_networks_are_those_of_the_zoos_in_the_order_asked_for(zoos, pool):
    mlp, tiny = zoos
    assert [network.id for network in pool] == pool.ids
    mixed = [tiny.ids[3], mlp.ids[0], mlp.ids[1], tiny.ids[0]]
    assert [network.id for network in pool.networks(mixed)] == mixed
    own = dict(pool.weights(mixed))
    assert list(own) == mixed
    for id, zoo in zip(mixed, (tiny, mlp, mlp, tiny), strict=True):
        assert pool.zoo_of(id) in zoos
        assert pool.zoo_of(id).name == zoo.name
        assert pool.record(id) == zoo.record(id)
        ((_, theirs),) = zoo.weights([id])
        assert all(own[id][name].equal(tensor) for name, tensor in theirs.items())
    network = pool[mlp.ids[2]]
    assert isinstance(network, Network)
    assert network.id == mlp.ids[2]
    with pytest.raises(ZooError, match=f"no network in tiny.tiny-mlp .* mean '{mlp.ids[0]}'"):
        pool.record(mlp.ids[0] + "0")


def test_image_sets_come_from_the_zoos(zoos, pool):
    assert pool.image_sets == zoos[0].image_sets == zoos[1].image_sets
    assert pool.image_set("digits").digest == pool.image_sets["digits"]
    with pytest.raises(ZooError, match=r"no image set in tiny.tiny-mlp 'digit'; did you mean 'dig"):
        pool.image_set("digit")


def test_a_corrupt_network_is_named_with_its_zoo(zoos, copied_zoo_folder):
    shard = copied_zoo_folder / "shards" / "00000.tar"
    content = bytearray(shard.read_bytes())
    content[1000] ^= 1
    shard.write_bytes(content)
    pool = Pool([zoos[0], load_zoo(copied_zoo_folder)])
    with pytest.raises(CorruptZooError, match=f"zoo tiny in .*network {pool.ids[0]}"):
        list(pool)
    with pytest.warns(RuntimeWarning, match=r"1 of tiny\+tiny-mlp's networks are corrupt"):
        assert len(list(pool.networks(errors="skip"))) == 35
    result = measure_all([Weights()], pool, cache=False)[0]
    assert list(result.failures) == [pool.ids[0]]
    assert len(result.table) == 35


def test_a_pool_and_its_zoos_share_signatures(zoos, pool, tmp_path):
    mlp, tiny = zoos
    apart = measure(Weights(), tiny, cache=tmp_path)
    assert Weights.seen == tuple(tiny.ids)
    together = measure(Weights(), pool, cache=tmp_path)
    assert Weights.seen == (*tiny.ids, *mlp.ids)
    assert together.loc[tiny.ids].equals(apart.loc[tiny.ids])
    assert measure(Weights(), mlp, cache=tmp_path).equals(together.loc[sorted(mlp.ids)])
    assert Weights.seen == (*tiny.ids, *mlp.ids)


def test_processes_open_each_networks_own_zoo(pool):
    predictor = demogen.get_predictor("normalized-loss").measure
    (alone,) = measure_all([predictor], pool, cache=False)
    (together,) = measure_all([predictor], pool, cache=False, workers=2)
    assert len(alone.table) == 36
    assert together.table.to_numpy() == pytest.approx(alone.table.to_numpy(), rel=1e-6)
    assert list(together.table.index) == sorted(pool.ids)


def test_a_pickled_pool_reads_the_same_networks_and_is_opened_once(pool):
    pickled = pickle.dumps(pool)
    opened = pickle.loads(pickled)
    assert opened is not pool
    assert (opened.digest, opened.ids) == (pool.digest, pool.ids)
    for (id, there), (_, here) in zip(opened.weights(), pool.weights(), strict=True):
        assert all(here[name].equal(tensor) for name, tensor in there.items()), id
    assert pickle.loads(pickled) is opened
    assert len(pickled) < 1000


def test_images_of_each_zoo_are_looked_for_before_anything_is_measured(zoos, monkeypatch):
    mlp, tiny = zoos

    def image_set(name):
        raise ZooError(f"the {name} images of tiny-mlp are not here")

    monkeypatch.setattr(mlp, "image_set", image_set)
    pool = Pool([tiny, mlp])
    with pytest.raises(ZooError, match="^the digits images of tiny-mlp are not here"):
        measure_all([Weights(), Bright()], pool, cache=False)
    assert Weights.seen == ()
    assert len(measure(Weights(), pool, cache=False)) == 36


def test_one_zoo_is_opened_or_the_pool_of_several(zoos):
    mlp, tiny = (str(zoo.storage.place) for zoo in zoos)
    assert open_zoos([tiny]).digest == zoos[1].digest
    assert open_zoos([tiny, mlp]).digest == Pool(zoos).digest
    with pytest.raises(ZooError, match="--revision v1 is for one zoo"):
        open_zoos([tiny, mlp], "v1")
