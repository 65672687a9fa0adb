"""What reading would refuse is refused when it is written, and nothing is left then."""

from dataclasses import replace

import pytest
import torch
from safetensors.torch import save

from demogen import load_images, load_zoo, write_zoo
from demogen.errors import CorruptZooError, ZooError
from demogen.networks import architectures
from demogen.networks.architectures import parameter_count
from demogen.networks.golden_logits import probe_logits
from demogen.schema.records import (
    ConvNet,
    Data,
    NetworkRecord,
    NetworkSpec,
    Paper,
    RunFacts,
    Training,
    sha256,
)
from demogen.zoo.labels import label_digest
from demogen.zoo.weights import to_bytes
from demogen.zoo.writing import Collection

CONVNET = ConvNet(family="convnet", channels=(2, 3), kernel=3, batch_norm=True)


@pytest.fixture
def collection():
    return Collection(
        name="ours",
        paper=Paper(key="nobody2020", title="First weights", section="1"),
        recipe_digest="0" * 64,
        planned=3,
        image_sets={"digits": load_images("digits").digest},
        printed_results={},
    )


def first_weights(seed, architecture=CONVNET, **data):
    """Spec and untrained module."""
    training = Training()
    data = Data(images="digits", **data)
    spec = NetworkSpec(architecture=architecture, data=data, training=training, seed=seed)
    return spec, architectures.build(spec).eval()


def recorded(spec, module, weights, **changes):
    logits = probe_logits(module, spec.data.input_shape).double().tolist()
    return NetworkRecord(
        **{
            "spec": spec,
            "parameters": parameter_count(module),
            "train_accuracy": 1.0,
            "test_accuracy": (400 + spec.seed) / 797,
            "train_cross_entropy": 0.1,
            "test_cross_entropy": 0.2,
            "epochs_run": 0,
            "steps_run": 0,
            "stopped": "epochs",
            "kept_epoch": 0,
            "weights_sha256": sha256(weights),
            "initial_sha256": "0" * 64,
            "probe_logits": tuple(map(tuple, logits)),
            **changes,
        }
    )


def write(folder, collection, change=to_bytes, vectors=None, made=first_weights, **changes):
    """A zoo of three networks; `change` makes a file of the state of the one in the middle."""
    pairs, files = [], {}
    for seed in range(3):
        spec, module = made(seed)
        weights = (change if seed == 1 else to_bytes)(module.state_dict())
        record = recorded(spec, module, weights, **(changes if seed == 1 else {}))
        facts = RunFacts(id=record.id, seconds=1.0, device="cpu", host="here", versions={})
        pairs.append((record, facts))
        files[record.id] = folder.with_name(f"{seed}.safetensors")
        files[record.id].write_bytes(weights)
    return write_zoo(folder, collection, pairs, files, vectors or {}, {})


def renamed(rename):
    return lambda state: to_bytes({rename(name): tensor for name, tensor in state.items()})


@pytest.mark.parametrize(
    "rename",
    [
        lambda name: f"_orig_mod.{name}",
        lambda name: f"module.{name}",
        lambda name: f"module._orig_mod.module.{name}",
        lambda name: name.replace(".", "._orig_mod.", 1),
    ],
)
def test_names_of_wrapped_modules_get_plain(rename, tmp_path, collection):
    zoo = write(tmp_path / "zoo", collection, renamed(rename))
    plain = write(tmp_path / "plain", collection)
    zoo.verify()
    assert zoo.digest == plain.digest


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_compiled_module_is_written_as_it_is(tmp_path, collection):
    spec, module = first_weights(1)
    state = torch.compile(module).state_dict()
    assert all(name.startswith("_orig_mod.") for name in state)
    zoo = write(tmp_path / "zoo", collection, lambda _: to_bytes(state))
    assert set(zoo[spec.id].module.state_dict()) == set(module.state_dict())


def first(change):
    """A file in which the first tensor is changed."""

    def changed(state):
        name = min(state)
        return to_bytes({**state, name: change(state[name])})

    return changed


def without_last(state):
    return to_bytes(dict(list(state.items())[:-1]))


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (first(torch.Tensor.double), "is torch.float64"),
        (first(torch.Tensor.bfloat16), "is torch.bfloat16"),
        (first(torch.Tensor.half), "is torch.float16"),
        (first(lambda tensor: tensor.to(torch.complex64)), "is torch.complex64"),
        (first(lambda tensor: tensor * float("nan")), "a value that is not finite"),
        (first(lambda tensor: torch.full_like(tensor, float("inf"))), "a value that is not finite"),
        (first(lambda tensor: tensor[None]), "its architecture has torch.float32"),
        (without_last, "is missing or not of its architecture"),
        (renamed(lambda name: f"net.{name}"), "is missing or not of its architecture"),
        (lambda state: save(dict(state), {"note": "x" * 65_536}), "is said to take"),
        (lambda state: b"PK\3\4 pickle", "is no safetensors file"),
        (first(lambda tensor: tensor + 10), "does not give back its recorded logits"),
    ],
)
def test_weights_that_nobody_could_read_are_refused(change, fault, tmp_path, collection):
    folder = tmp_path / "zoo"
    before = write(folder, collection).digest
    with pytest.raises(ZooError, match=rf"network convnet-.*{fault}.*; a zoo takes") as error:
        write(folder, collection, change)
    assert not isinstance(error.value, CorruptZooError)
    assert "\n" not in str(error.value)
    assert load_zoo(folder).digest == before
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == ["zoo"]


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"weights_sha256": "1" * 64}, "its weights have sha256 .*, its record says 111111111111"),
        ({"labels": "2" * 64}, f"no label vector of network .* '{'2' * 64}'"),
    ],
)
def test_records_that_do_not_fit_are_refused(changes, fault, tmp_path, collection):
    with pytest.raises(ZooError, match=fault):
        write(tmp_path / "zoo", collection, **changes)
    assert not (tmp_path / "zoo").exists()


@pytest.mark.parametrize(
    ("labels", "fault"),
    [
        (torch.zeros(999, dtype=torch.int64), r"is torch.int64 \(999,\), not torch.int64 \(1000,"),
        (torch.zeros(1000), r"is torch.float32 \(1000,\), not torch.int64"),
        (torch.full((1000,), 10), "holds others than the 10 classes"),
    ],
)
def test_label_vectors_that_do_not_fit_are_refused(labels, fault, tmp_path, collection):
    digest = label_digest(labels)
    with pytest.raises(ZooError, match=f"zoo is not written, for nobody could read it: .*{fault}"):
        write(tmp_path / "zoo", collection, vectors={digest: labels}, labels=digest)


def test_images_that_the_collection_does_not_name_are_refused(tmp_path, collection):
    with pytest.raises(ZooError, match="no image set of network .* 'digits'"):
        write(tmp_path / "zoo", replace(collection, image_sets={}))


def test_missing_weights_are_named(tmp_path, collection):
    spec, module = first_weights(0)
    record = recorded(spec, module, b"")
    facts = RunFacts(id=record.id, seconds=1.0, device="cpu", host="here", versions={})
    with pytest.raises(ZooError, match=f"network {spec.id} of ours comes without weights"):
        write_zoo(tmp_path / "zoo", collection, [(record, facts)], {}, {}, {})


def test_networks_with_long_names_are_written(tmp_path, collection):
    deep = ConvNet(family="convnet", channels=tuple(range(101, 133)), kernel=1, batch_norm=True)
    assert len(first_weights(0, deep)[0].id) == 155
    zoo = write(tmp_path / "zoo", collection, made=lambda seed: first_weights(seed, deep))
    zoo.verify()


def test_tensors_that_cannot_be_saved_are_one_clear_line():
    whole = torch.zeros(4)
    for tensors in (
        {"a": whole, "b": whole[:2]},
        {"a": torch.eye(2).to_sparse()},
        {"a": torch.empty(2, device="meta")},
    ):
        with pytest.raises(ZooError, match="these tensors cannot be saved as safetensors: ") as e:
            to_bytes(tensors)
        assert "\n" not in str(e.value)


def test_a_zoo_that_nobody_could_read_is_not_published(tmp_path, collection, monkeypatch):
    """As one written before these checks were made."""
    from demogen import push
    from demogen.zoo import writing

    monkeypatch.setattr(writing, "accept", lambda record, weights, **_: (record, weights))
    folder = tmp_path / "zoo"
    write(folder, collection, first(torch.Tensor.double))
    with pytest.raises(CorruptZooError, match="is torch.float64"):
        push(folder, str(tmp_path / "published"))
    assert not (tmp_path / "published").exists()


def test_a_zoo_behind_a_link_is_replaced_where_it_lies(tmp_path, collection):
    (tmp_path / "disk").mkdir()
    write(tmp_path / "disk" / "zoo", collection)
    (link := tmp_path / "zoo").symlink_to(tmp_path / "disk" / "zoo")
    write(link, collection, renamed(lambda name: f"module.{name}"))
    assert link.is_symlink()
    load_zoo(link).verify()
    assert [path.name for path in (tmp_path / "disk").iterdir() if path.is_dir()] == ["zoo"]
