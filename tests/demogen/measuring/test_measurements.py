import os
import threading

import pytest
import torch
from sklearn.linear_model import LinearRegression

import demogen
from demogen import (
    Access,
    Measure,
    Network,
    NotMeasurable,
    Predictor,
    PredictorError,
    ZooError,
    measure,
    measure_all,
)
from demogen.errors import DemogenError
from demogen.measuring import measurements
from demogen.measuring.cache import measure_key, network_key


class MeanLogit(Measure):
    name = "mean-logit"
    access = Access.TRAIN
    calls = 0

    def __init__(self, scale=1.0):
        self.scale = scale

    def compute(self, network):
        type(self).calls += 1
        logits = network.module(network.train.images)
        return {"mean_logit": self.scale * float(logits.mean())}


class Locked(MeanLogit):
    name = "locked"

    def __init__(self, lock=None):
        self.lock = lock


class Fails(Measure):
    name = "fails"

    def __init__(self, on=()):
        self.on = on

    def compute(self, network):
        if network.id in self.on:
            raise ZeroDivisionError("oh")
        return {"one": 1.0}


class Undefined(Measure):
    name = "undefined"

    def compute(self, network):
        return {"nan": float("nan")}


class Peeks(Measure):
    name = "peeks"
    access = Access.TRAIN

    def compute(self, network):
        return {"inputs": float(network.test_inputs.mean())}


REAL_EPOCH = measurements.epoch_seconds


@pytest.fixture(autouse=True)
def count_from_zero(monkeypatch):
    """No calls yet; and in this process an epoch is said to take two seconds, for it takes some."""
    MeanLogit.calls = 0
    monkeypatch.setattr(measurements, "epoch_seconds", lambda *_, **__: 2.0)


def expected(zoo):
    return {network.id: float(network.module(network.train.images).mean()) for network in zoo}


def test_a_zoo_gives_a_table(tiny_zoo, tmp_path):
    table = measure(MeanLogit(), tiny_zoo, cache=tmp_path)
    assert list(table.columns) == ["mean_logit"]
    assert table.index.name == "id"
    assert table["mean_logit"].to_dict() == expected(tiny_zoo)


def test_a_network_of_ones_own_gives_a_signature(tiny_zoo):
    network = tiny_zoo[tiny_zoo.ids[0]]
    own = Network.of(network.module, network.train.images, network.train.labels)
    signature = measure(Predictor("p", MeanLogit()), own)
    assert signature == {"mean_logit": expected(tiny_zoo)[network.id]}


def test_what_was_measured_is_not_measured_again(tiny_zoo, tmp_path):
    first = measure(MeanLogit(), tiny_zoo, cache=tmp_path)
    assert MeanLogit.calls == 24
    assert measure(MeanLogit(), tiny_zoo, cache=tmp_path).equals(first)
    assert MeanLogit.calls == 24
    measure(MeanLogit(), tiny_zoo, cache=False)
    assert MeanLogit.calls == 48


def test_other_parameters_version_or_source_are_measured_anew():
    class Newer(Measure):
        name = "mean-logit"
        version = 2

        def compute(self, network):
            return {}

    class Edited(Measure):
        name = "mean-logit"

        def compute(self, network):
            return {"other": 1.0}

    keys = {measure_key(m) for m in (MeanLogit(), MeanLogit(2.0), Newer(), Edited())}
    assert len(keys) == 4
    assert measure_key(MeanLogit()) == measure_key(MeanLogit(scale=1.0))


def test_the_key_of_a_network_covers_all_that_a_measure_sees_and_no_more(tiny_zoo):
    sets = tiny_zoo.manifest.image_sets
    record = tiny_zoo.record(tiny_zoo.ids[0])
    other = "0" * 64
    changes = {
        "weights_sha256": (record.model_copy(update={"weights_sha256": other}), sets, list(Access)),
        "labels": (record.model_copy(update={"labels": other}), sets, [Access.TRAIN]),
        "initial": (record.model_copy(update={"initial_sha256": other}), sets, [Access.INITIAL]),
        "images": (record, {"digits": other}, [Access.TRAIN, Access.TEST_INPUTS]),
        "spec": (
            record.model_copy(update={"spec": record.spec.model_copy(update={"seed": 1})}),
            sets,
            [Access.SPEC],
        ),
    }
    for what, (changed, digests, seen_by) in changes.items():
        for access in Access:
            differs = network_key(changed, digests, access) != network_key(record, sets, access)
            if access in seen_by:
                assert differs, (what, access)
            elif what != "labels" or access is not Access.TEST_INPUTS:
                assert not differs, (what, access)


def test_the_key_covers_the_siblings_of_a_measure_that_reads_them(tiny_zoo):
    sets, id = tiny_zoo.manifest.image_sets, tiny_zoo.ids[0]
    record, siblings = tiny_zoo.record(id), tiny_zoo.siblings(id)
    other = [each.model_copy(update={"weights_sha256": "0" * 64}) for each in siblings]
    for access in Access:
        keys = {network_key(record, sets, access, None, each) for each in (siblings, other)}
        assert len(keys) == (2 if access is Access.SIBLINGS else 1)


def test_an_interrupted_measurement_goes_on_where_it_stopped(tiny_zoo, tmp_path, monkeypatch):
    # Not an attribute of the class: another value would make another measure of it.
    monkeypatch.setenv("STOP_AFTER", "5")

    class Stops(Measure):
        name = "stops"
        calls = 0

        def compute(self, network):
            if str(type(self).calls) == os.environ["STOP_AFTER"]:
                raise KeyboardInterrupt
            type(self).calls += 1
            return {"one": 1.0}

    with pytest.raises(KeyboardInterrupt):
        measure(Stops(), tiny_zoo, cache=tmp_path)
    # A crash may also cut a line short: that one network is measured again.
    (file,) = tmp_path.iterdir()
    file.write_text(file.read_text()[:-30])
    Stops.calls = 0
    monkeypatch.setenv("STOP_AFTER", "never")
    with pytest.warns(RuntimeWarning, match="a line is damaged; what was kept there is measured"):
        assert len(measure(Stops(), tiny_zoo, cache=tmp_path)) == 24
    assert Stops.calls == 24 - 4
    measure(Stops(), tiny_zoo, cache=tmp_path)
    assert Stops.calls == 24 - 4


def test_equal_measures_are_computed_once(tiny_zoo):
    results = measure_all([MeanLogit(), MeanLogit(2.0), MeanLogit()], tiny_zoo, cache=False)
    assert MeanLogit.calls == 48
    assert [result.name for result in results] == ["mean-logit"] * 3
    assert results[0].table.equals(results[2].table)
    assert (2 * results[0].table).equals(results[1].table)


def test_a_failure_is_reported_and_the_rest_go_on(tiny_zoo, tmp_path):
    failing = tiny_zoo.ids[3]
    result = measure_all([Fails((failing,)), MeanLogit()], tiny_zoo, cache=tmp_path)[0]
    assert result.failures == {failing: f"fails on network {failing}: ZeroDivisionError: oh"}
    assert len(result.table) == 23
    # A fault of the measure is not kept; a network that is not measurable is.
    assert failing not in measure_all([Fails()], tiny_zoo, cache=tmp_path)[0].failures
    with pytest.warns(RuntimeWarning, match="fails: 1 of 24 networks not measured"):
        table = measure(Fails((failing,)), tiny_zoo, cache=False)
    assert set(table.attrs["failures"]) == {failing}


def test_no_number_is_no_signature(tiny_zoo):
    with pytest.raises(ZooError, match="no network could be measured; .*feature 'nan' is nan"):
        measure(Undefined(), tiny_zoo, cache=False)
    with pytest.raises(NotMeasurable, match="undefined on network nin-.*feature 'nan' is nan"):
        measure(Undefined(), tiny_zoo[tiny_zoo.ids[0]])


class Gives(Measure):
    name = "gives"

    def __init__(self, given):
        self.given = given

    def compute(self, network):
        return self.given


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (None, "its signature is a NoneType; let it return a dict"),
        ([1.0], "its signature is a list"),
        ({1: 1.0}, "the name of its feature 1 is no text"),
    ],
    ids=["nothing", "list", "number as name"],
)
def test_a_signature_is_a_mapping_from_texts(tiny_zoo, given, message):
    # Kept as JSON, a number would come back as a text.
    with pytest.raises(ZooError, match=message):
        measure(Gives(given), tiny_zoo[:2])


def test_undeclared_access_is_refused(tiny_zoo):
    with pytest.raises(ZooError, match=r"AccessError: .*add Access\.TEST_INPUTS"):
        measure(Peeks(), tiny_zoo, cache=False)


def test_missing_images_are_one_error_before_anything_is_measured(copied_zoo_folder):
    manifest = copied_zoo_folder / "zoo.json"
    manifest.write_text(
        manifest.read_text().replace(
            demogen.load_zoo(copied_zoo_folder).manifest.image_sets["digits"], "0" * 64
        )
    )
    zoo = demogen.load_zoo(copied_zoo_folder)
    with pytest.raises(ZooError, match="^the digits images here .* are not those that tiny"):
        measure_all([MeanLogit(), Fails()], zoo, cache=False)
    assert len(measure(Fails(), zoo, cache=False)) == 24


def test_processes_give_the_same_table(tiny_zoo):
    names = ("normalized-loss", "parameter-count")
    measures = [demogen.get_predictor(name).measure for name in names]
    alone = measure_all(measures, tiny_zoo, cache=False)
    together = measure_all(measures, tiny_zoo, cache=False, workers=2)
    for one, two in zip(alone, together, strict=True):
        assert two.table.equals(two.table.sort_index())
        assert torch.allclose(
            torch.tensor(one.table.to_numpy()), torch.tensor(two.table.to_numpy()), rtol=1e-6
        )
        assert one.epochs.keys() == two.epochs.keys() == set(tiny_zoo.ids)


def test_a_corrupt_network_is_reported_and_the_rest_go_on(copied_zoo_folder):
    shard = copied_zoo_folder / "shards" / "00000.tar"
    content = bytearray(shard.read_bytes())
    content[1000] ^= 1
    shard.write_bytes(content)
    zoo = demogen.load_zoo(copied_zoo_folder)
    for workers in (1, 2):
        result = measure_all(
            [demogen.get_predictor("parameter-count").measure], zoo, cache=False, workers=workers
        )[0]
        assert list(result.failures) == [zoo.ids[0]]
        assert "sha256" in result.failures[zoo.ids[0]]
        assert len(result.table) == 23


def test_predictors_take_columns_and_parameters_by_name():
    predictor = Predictor("p", MeanLogit(), columns=("mean_logt",), regressor=LinearRegression())
    with pytest.raises(PredictorError, match="did you mean 'mean_logit'"):
        predictor.design(["mean_logit"])
    changed = Predictor("p", MeanLogit()).with_parameters(scale=3.0)
    assert (changed.name, changed.measure.scale) == ("p(scale=3.0)", 3.0)
    with pytest.raises(PredictorError, match="no parameter of p 'scael'; did you mean 'scale'"):
        Predictor("p", MeanLogit()).with_parameters(scael=1)
    with pytest.raises(
        PredictorError, match="no predictor 'unit-sparsty'; did you mean 'unit-sparsity'"
    ):
        demogen.get_predictor("unit-sparsty")


class Draws(Measure):
    name = "draws"
    access = Access.TRAIN

    def compute(self, network):
        return {"number": float(torch.rand(()))}


@pytest.fixture
def epochs_timed(monkeypatch):
    """Calls of epoch_seconds, which says two seconds or raises what it finds in their place."""
    calls, answers = [], {}

    def epoch_seconds(module, images, labels, **sizes):
        calls.append((tuple(images.shape), images.dtype, tuple(labels.shape), sizes))
        if "fault" in answers:
            raise answers["fault"]
        return 2.0

    monkeypatch.setattr(measurements, "epoch_seconds", epoch_seconds)
    return calls, answers


def test_an_epoch_is_timed_once_a_network_and_kept(tiny_zoo, tmp_path, epochs_timed):
    calls, _ = epochs_timed
    measures = [MeanLogit(), Fails((tiny_zoo.ids[3],))]
    first = measure_all(measures, tiny_zoo, cache=tmp_path)
    sizes = {"batch_size": 25, "train_size": 100}
    assert calls == [((25, 1, 8, 8), torch.float32, (25,), sizes)] * 24
    for result in first:
        assert result.epochs == {id: result.seconds[id] / 2 for id in result.table.index}
    again = measure_all(measures[:1], tiny_zoo, cache=tmp_path)[0]
    assert again.epochs == first[0].epochs
    assert len(calls) == 24
    measure_all(measures[:1], tiny_zoo, cache=False, batch_size=10)
    assert calls[-1] == ((10, 1, 8, 8), torch.float32, (10,), sizes | {"batch_size": 10})


def test_no_epoch_is_timed_for_measures_that_read_no_images(tiny_zoo, epochs_timed):
    calls, _ = epochs_timed
    result = measure_all([Fails()], tiny_zoo, cache=False)[0]
    assert (len(result.seconds), result.epochs, calls) == (24, {}, [])


def test_no_epoch_is_timed_where_nothing_was_measured(tiny_zoo, epochs_timed):
    calls, _ = epochs_timed
    with pytest.raises(ZooError, match="^peeks: no network could be measured; nin-"):
        measure_all([Peeks()], tiny_zoo, cache=False)
    assert calls == []


@pytest.mark.parametrize("fault", [RuntimeError("no memory"), ValueError("one value"), ZooError()])
def test_where_no_epoch_can_be_timed_signatures_are_kept(tiny_zoo, epochs_timed, fault):
    epochs_timed[1]["fault"] = fault
    result = measure_all([MeanLogit()], tiny_zoo, cache=False)[0]
    assert (len(result.table), result.failures, result.epochs) == (24, {}, {})


def test_signatures_are_the_same_with_and_without_a_timed_epoch(tiny_zoo, monkeypatch):
    monkeypatch.setattr(measurements, "epoch_seconds", REAL_EPOCH)
    torch.manual_seed(0)
    timed = measure_all([Draws(), MeanLogit()], tiny_zoo, cache=False)
    assert all(set(result.epochs) == set(tiny_zoo.ids) for result in timed)
    assert all(0 < ratio < 1e4 for result in timed for ratio in result.epochs.values())
    monkeypatch.setattr(measurements, "seconds_of_epoch", lambda zoo, network: None)
    torch.manual_seed(0)
    untimed = measure_all([Draws(), MeanLogit()], tiny_zoo, cache=False)
    for with_timing, without in zip(timed, untimed, strict=True):
        assert with_timing.table.equals(without.table)
        assert without.epochs == {}


@pytest.mark.filterwarnings("ignore:measured every time")
def test_a_measure_that_cannot_be_sent_is_named_before_workers_start(tiny_zoo):
    measures = [MeanLogit(), Locked(threading.Lock())]
    with pytest.raises(DemogenError, match=r"^the measure locked cannot be sent .*--workers 1"):
        measure_all(measures, tiny_zoo, cache=False, workers=2)


def test_a_device_that_is_not_there_is_refused_though_all_is_known(tiny_zoo, tmp_path):
    measure_all([MeanLogit()], tiny_zoo, cache=tmp_path)
    with pytest.raises(DemogenError, match="^no device 'gpu': give cpu"):
        measure_all([MeanLogit()], tiny_zoo, cache=tmp_path, device="gpu")


def test_where_the_default_folder_cannot_be_written_both_ways_out_are_said(
    tiny_zoo, tmp_path, monkeypatch
):
    (tmp_path / "file").touch()
    monkeypatch.setenv("DEMOGEN_HOME", str(tmp_path / "file"))
    with pytest.raises(DemogenError, match="is no folder.*: set DEMOGEN_HOME, or give --cache"):
        measure_all([MeanLogit()], tiny_zoo)
