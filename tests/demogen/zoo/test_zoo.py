import json
import pickle
import tarfile
import threading

import numpy as np
import pandas as pd
import pytest
import torch

from demogen import load_zoo
from demogen.description import citation, describe
from demogen.errors import AccessError, CorruptZooError, ZooError
from demogen.images.image_set import load_images
from demogen.networks import architectures
from demogen.networks.golden_logits import probe_inputs
from demogen.networks.network import Access
from demogen.networks.torch_state import ordinary_state
from demogen.schema.records import ZooManifest, sha256
from demogen.zoo.weights import check_size, from_bytes, load_into
from tests.hub.server import WRITER


def rewrite_manifest(folder, **changes):
    manifest = json.loads((folder / "zoo.json").read_text())
    (folder / "zoo.json").write_text(json.dumps({**manifest, **changes}))


def relist(folder, path):
    """Let zoo.json list a file as it now is, as a careless or hostile author would."""
    content = (folder / path).read_bytes()
    files = json.loads((folder / "zoo.json").read_text())["files"]
    listed = {"bytes": len(content), "sha256": sha256(content)}
    rewrite_manifest(folder, files={**files, path: listed})


def read_all(folder):
    zoo = load_zoo(folder)
    _ = list(zoo.splits.values())
    for network in zoo:
        _ = network.train


def test_table_holds_specs_and_outcomes(tiny_zoo):
    table = tiny_zoo.table
    assert len(table) == len(tiny_zoo) == 24
    assert table.index.name == "id"
    assert list(table.index) == sorted(table.index)
    assert sorted(table["width"].unique()) == [4, 6, 8]
    assert np.allclose(table["gap"], table["train_accuracy"] - table["test_accuracy"])
    assert table["configuration"].nunique() == 12
    assert sum(tiny_zoo.record(id).labels is not None for id in table.index) == 12
    assert tiny_zoo.record(table.index[0]).spec.id == table.index[0]


@ordinary_state()
def test_networks_come_in_order_and_give_their_recorded_accuracy(tiny_zoo):
    digits = load_images("digits")
    networks = list(tiny_zoo)
    assert [network.id for network in networks] == tiny_zoo.ids
    for network in networks[::5]:
        row = tiny_zoo.table.loc[network.id]
        train = network.train
        assert len(train) == 100
        correct = (network.module(train.images).argmax(1) == train.labels).double().mean()
        assert correct.item() == pytest.approx(row["train_accuracy"])
        correct = network.module(network.test_inputs).argmax(1) == digits.test.labels
        assert correct.double().mean().item() == pytest.approx(row["test_accuracy"])


def test_corrupted_labels_are_the_ones_trained_on(tiny_zoo):
    corrupted = tiny_zoo.table.index[tiny_zoo.table["corruption"] == 0.5]
    clean = tiny_zoo.table.index[tiny_zoo.table["corruption"] == 0]
    first, second = tiny_zoo[corrupted[0]].train, tiny_zoo[clean[0]].train
    assert torch.equal(first.images, second.images)
    assert 0.3 < (first.labels != second.labels).double().mean() < 0.6


def test_networks_are_read_ahead_by_threads_that_end(tiny_zoo):
    before = threading.active_count()
    iterator = iter(tiny_zoo)
    next(iterator)
    assert threading.active_count() == before, "who wants one network pays for one"
    next(iterator)
    assert threading.active_count() > before
    iterator.close()
    assert threading.active_count() == before


def test_weights_come_without_their_networks(tiny_zoo):
    ids = tiny_zoo.ids[7:2:-1]
    read = dict(tiny_zoo.weights(ids))
    assert list(read) == ids
    for id, tensors in read.items():
        state = tiny_zoo[id].module.state_dict()
        assert all(torch.equal(tensors[name], state[name]) for name in state)


def test_a_network_hides_what_it_should(tiny_zoo):
    network = tiny_zoo[tiny_zoo.ids[0]]
    for hidden in ("test_labels", "test_accuracy", "gap", "record"):
        assert not hasattr(network, hidden)
    view = network.view(Access.TRAIN)
    assert len(view.train) == 100
    for name in ("initial", "test_inputs", "spec"):
        with pytest.raises(AccessError, match=rf"add Access\.{name.upper()} to its `access`"):
            getattr(view, name)


def test_initial_weights_are_made_again_from_the_seed(tiny_zoo):
    network = tiny_zoo[tiny_zoo.ids[3]]
    again = architectures.build(network.spec).state_dict()
    for name, value in network.initial.state_dict().items():
        assert torch.equal(value, again[name])
    trained = network.module.state_dict()
    assert not torch.equal(trained["block1.conv1.weight"], again["block1.conv1.weight"])


def test_shards_are_plain_tar_files_of_safetensors(tiny_zoo):
    with tarfile.open(tiny_zoo.storage.place / "shards" / "00000.tar") as shard:
        members = shard.getmembers()
        assert [entry.name for entry in members] == [
            f"{i}/network.safetensors" for i in tiny_zoo.ids
        ]
        content = shard.extractfile(members[5]).read()
    weights = from_bytes(content, "member")
    expected = tiny_zoo[tiny_zoo.ids[5]].module.state_dict()
    assert all(torch.equal(weights[name], expected[name]) for name in expected)
    assert {(m.mtime, m.uid, m.uname, m.mode) for m in members} == {(0, 0, "", 0o644)}


def test_unknown_names_are_one_clear_line(tiny_zoo, tmp_path):
    near = tiny_zoo.ids[0][:-1] + "x"
    with pytest.raises(ZooError, match=f"no network in tiny '{near}'; did you mean"):
        tiny_zoo[near]
    with pytest.raises(ZooError, match="no zoo 'nowhere': neither a folder with a zoo.json"):
        load_zoo("nowhere")
    with pytest.raises(ZooError, match="there is no folder /not/there$"):
        load_zoo("/not/there")


def test_a_zoo_built_here_is_found_by_its_name(tiny_zoo_folder, monkeypatch, tmp_path):
    (tmp_path / "zoos").mkdir()
    (tmp_path / "zoos" / "mine").symlink_to(tiny_zoo_folder)
    monkeypatch.setenv("DEMOGEN_HOME", str(tmp_path))
    assert load_zoo("mine").name == "tiny"


def test_a_flipped_byte_in_a_shard_names_the_network(copied_zoo_folder):
    shard = copied_zoo_folder / "shards" / "00000.tar"
    content = bytearray(shard.read_bytes())
    content[1000] ^= 1
    shard.write_bytes(content)
    zoo = load_zoo(copied_zoo_folder)
    with pytest.raises(CorruptZooError, match=f"zoo tiny in .*: network {zoo.ids[0]} has sha256"):
        zoo[zoo.ids[0]]
    zoo[zoo.ids[1]]
    with pytest.raises(CorruptZooError):
        zoo.verify()


def spoil(folder, zoo, *ids):
    """Flip a bit in the middle of some networks' weights."""
    for id in ids:
        place = zoo._table.record(id)[1]
        with (folder / place.shard).open("r+b") as shard:
            shard.seek(place.offset + place.length // 2)
            byte = shard.read(1)[0]
            shard.seek(-1, 1)
            shard.write(bytes([byte ^ 1]))


def test_corrupt_networks_are_skipped_if_asked_and_named_at_the_end(copied_zoo_folder):
    zoo = load_zoo(copied_zoo_folder)
    first, middle, last = zoo.ids[0], zoo.ids[9], zoo.ids[-1]
    spoil(copied_zoo_folder, zoo, first, middle, last)
    with pytest.warns(RuntimeWarning, match=f"3 of .*{first}.*{middle}.*{last}"):
        read = [network.id for network in zoo.networks(errors="skip")]
    assert read == [id for id in zoo.ids if id not in (first, middle, last)]
    attempts = list(zoo.attempts())
    assert [isinstance(attempt, CorruptZooError) for attempt in attempts] == [
        id in (first, middle, last) for id in zoo.ids
    ]
    with pytest.raises(CorruptZooError, match=rf"{first} .*\(and 2 more networks\)"):
        zoo.verify()


def change_row(folder, row, **changes):
    """Change the index as a careless or hostile author would."""
    table = pd.read_parquet(folder / "networks.parquet")
    for column, value in changes.items():
        table.loc[row, column] = value
    table.to_parquet(folder / "networks.parquet")
    relist(folder, "networks.parquet")
    return load_zoo(folder)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"shard": "../../secret.tar"},
            "lies outside the files of zoo.json, in '../../secret.tar'",
        ),
        ({"shard": "networks.parquet"}, r"lies outside|has sha256"),
        ({"offset": 10**9}, "lies outside the files"),
        ({"offset": -5}, "offset: Input should be greater than or equal to 0"),
        ({"length": 10**15}, "lies outside the files"),
        ({"length": 200}, "is said to take 200 bytes; its architecture takes"),
        ({"weights_sha256": "0" * 64}, "has sha256 .* instead of 000000000000"),
        ({"weights_sha256": "short"}, "has sha256 .* instead of short"),
        ({"spec": "not JSON"}, "is no valid one"),
        ({"spec": '{"architecture": {"family": "pickle"}}'}, "is no valid one"),
        ({"train_accuracy": 1.5}, "train_accuracy: Input should be less than or equal to 1"),
    ],
)
def test_a_hostile_index_is_refused_and_the_other_networks_read(copied_zoo_folder, changes, said):
    zoo = change_row(copied_zoo_folder, 3, **changes)
    bad = zoo.ids[3]
    with pytest.raises(CorruptZooError, match=f"network {bad}.*{said}"):
        zoo[bad]
    with pytest.warns(RuntimeWarning, match="1 of"):
        assert len(list(zoo.networks(errors="skip"))) == 23


def test_a_spec_of_another_size_is_refused_before_memory_is_taken(copied_zoo_folder):
    zoo = load_zoo(copied_zoo_folder)
    spec = zoo.record(zoo.ids[0]).spec
    huge = spec.model_copy(
        update={"architecture": spec.architecture.model_copy(update={"width": 65_536})}
    )
    tensors, count = architectures.weight_sizes(huge.canonical(), "network x")
    assert tensors > 10**11
    with pytest.raises(CorruptZooError, match=f"its architecture takes {tensors:,}"):
        check_size(112_008, tensors, count, "network x")
    table = pd.read_parquet(copied_zoo_folder / "networks.parquet")
    table.loc[0, ["id", "spec"]] = huge.id, huge.canonical()
    table.to_parquet(copied_zoo_folder / "networks.parquet")
    relist(copied_zoo_folder, "networks.parquet")
    with pytest.raises(CorruptZooError, match=f"{huge.id} is said to take"):
        load_zoo(copied_zoo_folder)[huge.id]


@pytest.mark.parametrize(
    "path", ["networks.parquet", "labels.safetensors", "splits/kfold-10.json", "shards/00000.tar"]
)
def test_short_missing_or_changed_files_are_named(copied_zoo_folder, path):
    file = copied_zoo_folder / path
    content = file.read_bytes()
    if "shards" not in path:
        file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        with pytest.raises(CorruptZooError, match=path):
            read_all(copied_zoo_folder)
    file.write_bytes(content[:-1])
    with pytest.raises(CorruptZooError, match=rf"{path} has \d+ bytes, zoo.json says"):
        load_zoo(copied_zoo_folder)
    file.unlink()
    with pytest.raises(CorruptZooError, match=f"{path} is missing"):
        load_zoo(copied_zoo_folder)


def test_another_networks_weights_are_found_out_by_the_probe(copied_zoo_folder):
    # The index of one network points at the copy of its configuration, digest and all.
    path = copied_zoo_folder / "networks.parquet"
    table = pd.read_parquet(path)
    pair = table.groupby("configuration").groups
    first, second = next(iter(pair.values()))
    for column in ("offset", "length", "weights_sha256", "shard"):
        table.loc[first, column] = table.loc[second, column]
    table.to_parquet(path)
    relist(copied_zoo_folder, "networks.parquet")
    zoo = load_zoo(copied_zoo_folder)
    wrong = str(table["id"][first])
    with pytest.raises(CorruptZooError, match=f"{wrong} does not give back its recorded logits"):
        zoo[wrong]


def test_a_changed_spec_is_found_out_by_its_id(copied_zoo_folder):
    path = copied_zoo_folder / "networks.parquet"
    table = pd.read_parquet(path)
    spec = json.loads(table.loc[0, "spec"])
    table.loc[0, "spec"] = json.dumps({**spec, "seed": 1})
    table.to_parquet(path)
    relist(copied_zoo_folder, "networks.parquet")
    zoo = load_zoo(copied_zoo_folder)
    with pytest.raises(CorruptZooError, match="holds the spec of"):
        zoo[zoo.ids[0]]


def test_other_tensors_than_the_architectures_are_refused(tiny_zoo):
    network = tiny_zoo[tiny_zoo.ids[0]]
    weights = dict(network.module.state_dict())

    def load(tensors):
        load_into(architectures.skeleton(network.spec), tensors, "network x")

    name = "block1.conv1.weight"
    wrong = {
        "missing or not of its architecture": {k: v for k, v in weights.items() if k != name},
        r"is torch.float64 \(": {**weights, name: weights[name].double()},
        r"is torch.float32 \(2,": {**weights, name: weights[name][:2]},
        "not finite": {**weights, name: weights[name] * float("nan")},
    }
    for message, tensors in wrong.items():
        with pytest.raises(CorruptZooError, match=message):
            load(tensors)
    with pytest.raises(CorruptZooError, match="is no safetensors file"):
        from_bytes(b"pickle", "network x")


def test_other_images_than_those_trained_on_are_refused(copied_zoo_folder):
    rewrite_manifest(copied_zoo_folder, image_sets={"digits": "0" * 64})
    zoo = load_zoo(copied_zoo_folder)
    network = zoo[zoo.ids[0]]
    with pytest.raises(ZooError, match="are not those that tiny was trained on"):
        _ = network.train


def test_wrong_count_of_networks_is_refused(copied_zoo_folder):
    rewrite_manifest(copied_zoo_folder, networks=23)
    with pytest.raises(CorruptZooError, match="has 24 rows; zoo.json counts 23 networks"):
        _ = load_zoo(copied_zoo_folder).table


def test_a_pickled_zoo_reads_the_same_networks_and_is_opened_once(copied_zoo_folder, tmp_path):
    zoo = load_zoo(copied_zoo_folder, images=tmp_path)
    pickled = pickle.dumps(zoo)
    opened = pickle.loads(pickled)
    assert opened is not zoo
    assert (opened.digest, opened.ids) == (zoo.digest, zoo.ids)
    assert opened.images_folder == tmp_path
    for (id, there), (_, here) in zip(opened.weights(), zoo.weights(), strict=True):
        assert all(here[name].equal(tensor) for name, tensor in there.items()), id
    assert pickle.loads(pickled) is opened
    assert len(pickled) < 500


def test_a_zoo_that_changed_after_it_was_pickled_is_refused(copied_zoo_folder):
    zoo = load_zoo(copied_zoo_folder)
    pickled = pickle.dumps(zoo)
    rewrite_manifest(copied_zoo_folder, name="another")
    with pytest.raises(ZooError, match=rf"has changed .*sha256:{zoo.digest[:12]}.*; run again"):
        pickle.loads(pickled)


def test_probe_inputs_are_pinned():
    inputs = probe_inputs((1, 8, 8))
    assert inputs.shape == (4, 1, 8, 8)
    assert inputs[0, 0, 0, :2].tolist() == pytest.approx([1.7640524, 0.4001572])


def test_description_and_citation_carry_the_digests(tiny_zoo):
    assert f"sha256:{tiny_zoo.digest}" in describe(tiny_zoo)
    cited = citation(tiny_zoo, "kfold-10")
    assert tiny_zoo.digest in cited
    assert tiny_zoo.splits["kfold-10"].digest in cited
    with pytest.raises(ZooError, match="no split of tiny 'kfold10'; did you mean 'kfold-10'"):
        citation(tiny_zoo, "kfold10")


def test_manifest_chains_to_every_file(tiny_zoo):
    manifest = ZooManifest.from_json((tiny_zoo.storage.place / "zoo.json").read_bytes(), "here")
    lying = {
        path.relative_to(tiny_zoo.storage.place).as_posix()
        for path in tiny_zoo.storage.place.rglob("*")
        if path.is_file()
    }
    beside = {"README.md", "croissant.json", "runs.parquet"}
    assert lying - set(manifest.files) == {"zoo.json", *beside}


@pytest.mark.filterwarnings("ignore:Use 'content=<...>':DeprecationWarning")
def test_a_zoo_on_the_hub_is_pinned_to_its_commit(tiny_zoo, hub):
    from demogen import push

    to = {"endpoint": hub.endpoint, "token": WRITER, "progress": False}
    commit = push(tiny_zoo.storage.place, "owner/tiny", tag="v1", **to).commit
    zoo = load_zoo("owner/tiny", "v1", endpoint=hub.endpoint)
    assert (zoo.revision, zoo.digest) == (commit, tiny_zoo.digest)
    zoo.verify()
    assert f"revision {commit}" in citation(zoo)


def test_a_folder_has_no_revisions(tiny_zoo_folder):
    with pytest.raises(ZooError, match="is a folder here and has no revisions; leave 'v1' out"):
        load_zoo(tiny_zoo_folder, "v1")
