"""Zoos of networks from elsewhere, through writing, reading, measuring and describing."""

import json
import math
import re
import shutil
import tarfile

import pyarrow.parquet as pq
import pytest
import torch
from pydantic import ValidationError

import baselines
from baselines.dummy import PARAMETER_COUNT, Hyperparameters, TrainLoss
from baselines.spectral import SpectralMarginInitial
from demogen import load_zoo, measure
from demogen.description import citation, describe
from demogen.errors import CorruptZooError, NotMeasurable, ZooError
from demogen.format.factors import factor_columns, varying
from demogen.hub import push
from demogen.measuring.measurements import measure_all
from demogen.networks.network import Access
from demogen.schema.records import Data, NetworkRecord, Origin, sha256
from demogen.zoo.pool import Pool
from leaderboard.results.evaluation import evaluate
from tests.demogen.zoo.imported import imported_zoo, spec_of, weights_of
from tests.hub.state import WRITER


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """24 networks of two layers on digits, of which two have stored initial weights."""
    place = tmp_path_factory.mktemp("imported") / "zoo"
    imported_zoo(place, stored=(3, 4))
    return place


@pytest.fixture
def zoo(folder):
    return load_zoo(folder)


def numbered(zoo, number):
    return spec_of(number).id


def test_networks_come_back_as_they_were_written(zoo):
    assert zoo.manifest.format_version == 2
    assert zoo.manifest.recipe_digest is None
    for number in (0, 3):
        network = zoo[numbered(zoo, number)]
        expected = weights_of(network.spec, number).state_dict()
        found = network.module.state_dict()
        assert all(torch.equal(found[name], tensor) for name, tensor in expected.items())
    zoo.verify()


def test_the_table_holds_the_factors_of_the_source_and_accuracies_of_both_origins(zoo):
    table = zoo.table
    assert table.loc[numbered(zoo, 4), "width"] == 64
    assert table["width"].dtype == "int64"
    assert table.loc[numbered(zoo, 3), "config.activation"] == "tanh"
    assert table["learning_rate"].isna().all()
    assert table["seed"].isna().all()
    assert table["test_cross_entropy"].isna().all()
    assert table.loc[numbered(zoo, 3), "train_accuracy"] == pytest.approx(0.531)
    assert table.loc[numbered(zoo, 3), "stated_train_accuracy"] == pytest.approx(0.53)
    assert table.loc[numbered(zoo, 4), "gap"] == pytest.approx(0.54 - 0.25)
    assert table["measured_train_accuracy"].notna().sum() == 12
    assert "measured_test_accuracy" not in table
    assert "initial_offset" not in table
    assert set(varying(table)) == {"width", "config.activation"}
    assert factor_columns(table)[-1] == "config.activation"


def test_splits_leave_the_sources_factors_out(zoo):
    assert {"kfold-10", "leave-width-out", "leave-config-activation-out"} <= set(zoo.splits)
    assert len(zoo.splits["leave-width-out"].tests) == 3


def test_initial_weights_are_the_stored_ones_or_none(zoo):
    stored = zoo[numbered(zoo, 3)]
    expected = weights_of(stored.spec, 1003).state_dict()
    found = stored.initial.state_dict()
    assert all(torch.equal(found[name], tensor) for name, tensor in expected.items())
    with pytest.raises(NotMeasurable, match="without initial: its source holds none"):
        _ = zoo[numbered(zoo, 5)].initial


def test_stored_initial_weights_lie_beside_the_trained_ones_of_the_same_sample(zoo, folder):
    with tarfile.open(folder / "shards/00000.tar") as shard:
        names = shard.getnames()
    id = numbered(zoo, 3)
    place = names.index(f"{id}/network.safetensors")
    assert names[place + 1] == f"{id}/network.initial.safetensors"
    assert len(names) == 26


def test_changed_initial_weights_are_found_out(folder, tmp_path):
    copied = shutil.copytree(folder, tmp_path / "copied")
    rows = pq.read_table(copied / "networks.parquet").to_pylist()
    row = next(row for row in rows if row["initial_offset"] is not None)
    shard = copied / row["shard"]
    content = bytearray(shard.read_bytes())
    content[row["initial_offset"] + row["initial_length"] - 1] ^= 1
    shard.write_bytes(content)
    manifest = json.loads((copied / "zoo.json").read_text())
    manifest["files"][row["shard"]]["sha256"] = sha256(bytes(content))
    (copied / "zoo.json").write_text(json.dumps(manifest))
    zoo = load_zoo(copied)
    with pytest.raises(CorruptZooError, match=f"initial weights of network {row['id']}"):
        zoo.verify()
    with pytest.raises(CorruptZooError, match="are not those of the zoo"):
        _ = zoo[row["id"]].initial


def test_every_predictor_measures_what_it_can_and_says_what_is_missing(zoo):
    measures = {repr(p.measure): p.measure for p in baselines.ALL}
    chosen = [numbered(zoo, 3), numbered(zoo, 5)]
    for network in zoo.networks(chosen):
        for each in measures.values():
            if network.id == chosen[1] and Access.INITIAL in each.access:
                with pytest.raises(NotMeasurable, match="comes without initial"):
                    measure(each, network)
            else:
                assert all(map(torch.isfinite, map(torch.tensor, measure(each, network).values())))


def test_what_is_missing_is_a_reason_not_a_fault(zoo):
    spectral = SpectralMarginInitial()
    (measured,) = measure_all([spectral], zoo, cache=False)
    assert sorted(measured.table.index) == sorted(numbered(zoo, n) for n in (3, 4))
    assert len(measured.failures) == 22
    assert all("its source holds none" in reason for reason in measured.failures.values())


def test_scores_and_statistics_take_the_sources_factors(zoo):
    predictor = PARAMETER_COUNT
    result = evaluate(predictor, zoo, split="kfold-10", target="gap", cache=False)
    assert set(result.factors) == {"width", "config.activation"}
    with pytest.raises(ZooError, match="has a test_cross_entropy: its source does not state it"):
        evaluate(predictor, zoo, split="kfold-10", target="test_cross_entropy", cache=False)


def test_settings_as_a_predictor_are_those_of_the_source(zoo, tiny_zoo):
    settings = Hyperparameters()
    alone = measure(settings, zoo[numbered(zoo, 4)])
    assert alone["width"] == 64.0
    assert alone["learning_rate"] == -1.0
    assert "layers" not in alone
    (pooled,) = measure_all([settings], Pool([zoo, tiny_zoo]), cache=False)
    assert pooled.table.notna().all(axis=None)
    assert not pooled.failures
    assert (pooled.table.loc[tiny_zoo.ids, "config.activation"] == -1.0).all()


def test_images_that_the_zoo_does_not_name_and_parts_that_nobody_knows_are_missing(tmp_path):
    (tmp_path / "a").mkdir()
    nowhere = imported_zoo(tmp_path / "a" / "zoo", 2, images=False)
    network = nowhere[spec_of(0).id]
    reason = "without train: the zoo does not say which digits images"
    with pytest.raises(NotMeasurable, match=reason):
        measure(TrainLoss(), network)
    every = list({repr(p.measure): p.measure for p in baselines.ALL}.values())
    for measured in measure_all(every, nowhere, cache=False):
        access = measured.measure.access
        lacking = access & (Access.TRAIN | Access.TEST_INPUTS | Access.INITIAL)
        assert len(measured.failures) == (2 if lacking else 0)
        assert all("comes without" in reason for reason in measured.failures.values())
    with pytest.raises(ZooError, match="no image set whose digest elsewhere-task1 holds 'digits'"):
        nowhere.image_set("digits")
    (tmp_path / "b").mkdir()
    part = Data(images="digits", train_size=500, subset_known=False)
    unknown = imported_zoo(tmp_path / "b" / "zoo", 2, data=part)
    network = unknown[spec_of(0, part).id]
    assert len(network.test_inputs) == 797
    with pytest.raises(NotMeasurable, match="nobody knows which part of digits"):
        _ = network.train


def test_networks_on_images_of_their_own_load_without_these(tmp_path):
    vectors = Data(images="toy", shape=(3, 1, 1), classes=2, standardization="none", gray=False)
    with pytest.raises(ZooError, match="no image set 'toy'"):
        Data(images="toy").input_shape  # noqa: B018 - reading it is what fails
    spec = spec_of(0, vectors, width=3)
    assert spec.data.input_shape == (3, 1, 1)
    zoo = imported_zoo(tmp_path / "zoo", 3, data=vectors, images=False)
    assert zoo[zoo.ids[0]].module(torch.zeros(1, 3, 1, 1)).shape == (1, 2)


def test_description_card_and_citation_say_where_it_comes_from(zoo, folder):
    text = describe(zoo)
    assert "imported from elsewhere/task1 sha256:aaaa" in text
    assert "license: CC BY 4.0" in text
    assert "training accuracies are running means" in text
    compared = "train_accuracy: measured here and stated by the source of 12 networks"
    assert f"{compared}, at most 0.001 apart" in text
    assert "config.activation: relu, tanh" in text
    assert "nan" not in text
    card = (folder / "README.md").read_text()
    assert re.search(r'^license: other\nlicense_name: "?CC BY 4.0"?$', card, re.MULTILINE)
    assert "24 of 24 networks were imported. None failed." in card
    assert "| train_accuracy measured here and stated | 12, at most 0.001 apart |" in card
    assert "imported with" in card
    assert "None" not in card.replace("None failed", "")
    assert " nan " not in card
    assert "@misc{elsewhere, title" in citation(zoo)


def test_levels_of_mixed_kinds_are_texts_and_numbers_numbers(tmp_path):
    def factors(number):
        return {
            "depth": [7, "7b"][number % 2],
            "rate": [1, 0.5][number % 2],
            "flag": bool(number % 2),
            **({"only": number} if number else {}),
        }

    table = imported_zoo(tmp_path / "zoo", 4, factors=factors).table
    by_number = [spec_of(n, factors=factors).id for n in range(4)]
    assert table.loc[by_number, "depth"].tolist() == ["7", "7b", "7", "7b"]
    assert table.loc[by_number, "rate"].tolist() == [1.0, 0.5, 1.0, 0.5]
    assert table["flag"].dtype == bool
    assert table["only"].dtype == "Int64"


def test_a_zoo_trained_here_is_written_in_the_oldest_format(tiny_zoo, tiny_zoo_folder):
    assert tiny_zoo.manifest.format_version == 1
    assert "archive" not in json.loads((tiny_zoo_folder / "zoo.json").read_text())
    names = pq.read_schema(tiny_zoo_folder / "networks.parquet").names
    assert not {"gray", "same_padding", "stated_test_accuracy", "initial_offset"} & set(names)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seed": 3}, "a network from elsewhere has no seed"),
        ({"origin": None}, "has training settings and a seed"),
        ({"origin": {"archive": "a", "network": "n", "factors": {"images": "x"}}}, "rename it"),
        ({"origin": {"archive": "a", "network": "n", "factors": {"gap": 1}}}, "rename it"),
        ({"origin": {"archive": "a", "network": "n", "factors": {"a b": 1}}}, "should match"),
        ({"origin": {"archive": "a", "network": "n", "factors": {"x": math.nan}}}, "'x' is nan"),
    ],
)
def test_an_impossible_origin_is_refused(changes, message):
    content = spec_of(1).model_dump()
    with pytest.raises(ValidationError, match=message):
        type(spec_of(1)).model_validate({**content, **changes})


def test_copies_from_elsewhere_share_their_configuration():
    spec = spec_of(1)
    origin = Origin(archive="elsewhere/task1", network="other", factors=spec.origin.factors)
    other = spec.model_copy(update={"origin": origin, "copy_number": 2})
    assert other.configuration == spec.configuration
    assert other.id != spec.id
    assert type(spec).model_validate_json(spec.canonical()) == spec


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"train_accuracy": 0.9}, "train_accuracy is neither the one measured here nor"),
        ({"stated_test_accuracy": None}, "test_accuracy is neither"),
    ],
)
def test_accuracies_are_measured_or_stated(zoo, changes, message):
    record = zoo.record(numbered(zoo, 2))
    with pytest.raises(ValidationError, match=message):
        NetworkRecord.model_validate({**record.model_dump(), **changes})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"initial_sha256": None}, "initial_sha256 is missing"),
        ({"test_cross_entropy": None}, "test_cross_entropy is missing"),
        ({"stopped": None}, "stopped is missing"),
        ({"measured_test_accuracy": 0.5}, "measured_test_accuracy is of networks from elsewhere"),
    ],
)
def test_a_record_of_a_network_trained_here_lacks_nothing(tiny_zoo, changes, message):
    record = tiny_zoo.record(tiny_zoo.ids[0])
    with pytest.raises(ValidationError, match=message):
        NetworkRecord.model_validate({**record.model_dump(), **changes})


@pytest.mark.filterwarnings("ignore:Use 'content=<...>':DeprecationWarning")
def test_it_goes_to_a_hub_and_comes_back(folder, hub):
    push(folder, "owner/elsewhere", endpoint=hub.endpoint, token=WRITER, progress=False)
    fetched = load_zoo("owner/elsewhere", endpoint=hub.endpoint)
    fetched.verify()
    assert fetched.manifest.archive.license == "CC BY 4.0"
    stored = fetched[numbered(fetched, 3)]
    expected = weights_of(stored.spec, 1003).state_dict()
    assert all(torch.equal(stored.initial.state_dict()[name], expected[name]) for name in expected)
