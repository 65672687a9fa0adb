"""The four importers on archives that tests write, whole and damaged, and the command."""

import gzip
import io
import json

import numpy as np
import pytest
import torch

from demogen import load_zoo
from demogen.errors import ArchiveError
from demogen.networks.network import Access
from tests.zoo_recipes.importing import writers
from zoo_recipes.importing import (
    import_demogen,
    import_modelzoo,
    import_pgdl,
    import_smallcnn,
    running,
)
from zoo_recipes.importing.cli import importing

h5py = pytest.importorskip("h5py")

NAMES = [
    "nin_wide_0.015625x__dropout_0.0__decay_0.0_1",
    "nin_wide_0.015625x_bn_dropout_0.5_aug_decay_0.005_2",
]
CONFIG = {
    "model_config": [
        {"layer_name": "Conv2D", "filters": 4.0, "kernel_size": [3, 3], "activation": "relu"},
        {"layer_name": "Flatten"},
        {"layer_name": "Dense", "units": 2},
    ],
    "input_shape": [5, 4, 3],
}


def hdf5(seed, *, units=2):
    rng = np.random.default_rng(seed)
    shapes = {"conv2d_10": (3, 3, 3, 4), "dense_9": (24, units)}
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        file.attrs["layer_names"] = [b"conv2d_10", b"flatten", b"dense_9"]
        for layer in ("conv2d_10", "flatten", "dense_9"):
            group = file.create_group(layer)
            shape = shapes.get(layer)
            names = [f"{layer}/kernel:0", f"{layer}/bias:0"] if shape else []
            group.attrs["weight_names"] = [name.encode() for name in names]
            for name, sides in zip(names, (shape, shape and shape[-1:]), strict=False):
                group[name] = rng.standard_normal(sides).astype(np.float32)
    return buffer.getvalue()


def pgdl_files(count=3):
    rng = np.random.default_rng(0)
    files, table = {}, {}
    for number in range(count):
        place = f"public/input_data/task7/model_{number}"
        files[f"{place}/config.json"] = json.dumps(CONFIG).encode()
        files[f"{place}/weights.hdf5"] = hdf5(number)
        files[f"{place}/weights_init.hdf5"] = hdf5(100 + number)
        hparams = {"depth": {"possible_values": [1, 2], "current_value": ["1", 2][number % 2]}}
        metrics = {"train_acc": 0.5, "test_acc": 0.25}
        table[str(number)] = {"hparams": hparams, "metrics": metrics}
    files["public/reference_data/task7/model_configs.json"] = json.dumps(table).encode()
    for part, size in (("train", 8), ("test", 4)):
        records = [
            writers.example_proto(
                inputs=writers.tensor_proto(rng.standard_normal((5, 4, 3)).astype(np.float32)),
                output=writers.tensor_proto(np.array(number % 2, np.int32)),
            )
            for number in range(size)
        ]
        path = f"public/input_data/task7/dataset_1/{part}/shard_0.tfrecord"
        files[path] = writers.tfrecords(records)
    return files


KINDS = {
    "demogen": (lambda: writers.demogen_files(NAMES), import_demogen, 2),
    "pgdl": (pgdl_files, import_pgdl, 3),
    "modelzoo": (writers.modelzoo_files, import_modelzoo, 3),
    "smallcnn": (writers.smallcnn_files, import_smallcnn, 3),
}


@pytest.fixture(params=KINDS)
def kind(request):
    files, importer, count = KINDS[request.param]
    return request.param, files(), importer, count


def imported(importer, archive, place, **options):
    (found,) = importer(archive, folder=place, **options)
    return found


def test_every_form_of_an_archive_gives_the_same_zoo(kind, tmp_path):
    _, files, importer, count = kind
    forms = [
        writers.as_folder(files, tmp_path / "archive"),
        writers.as_tar(files, tmp_path / "archive.tar"),
        writers.as_tar(files, tmp_path / "archive.tar.gz", compress=True),
        writers.as_zip(files, tmp_path / "archive.zip"),
    ]
    digests = set()
    for number, form in enumerate(forms):
        found = imported(importer, form, tmp_path / f"zoos{number}")
        assert found.failed == {}
        assert len(found.zoo) == count
        found.zoo.verify()
        digests.add(found.zoo.digest)
    assert len(digests) == 1


def test_an_interrupted_import_goes_on(kind, tmp_path, monkeypatch):
    _, files, importer, count = kind
    archive = writers.as_tar(files, tmp_path / "archive.tar")
    whole = imported(importer, archive, tmp_path / "whole")
    attempt, done = running._attempt, []

    def stopped(read, *rest):
        if len(done) == 1:
            raise KeyboardInterrupt
        done.append(attempt(read, *rest))
        return done[-1]

    monkeypatch.setattr(running, "_attempt", stopped)
    with pytest.raises(KeyboardInterrupt):
        importer(archive, folder=tmp_path / "stopped", workers=1)
    again = []
    monkeypatch.setattr(running, "_attempt", lambda *a: again.append(1) or attempt(*a))
    found = imported(importer, archive, tmp_path / "stopped")
    assert len(again) == count - 1
    assert found.zoo.digest == whole.zoo.digest
    assert not list((tmp_path / "stopped").glob("*.importing"))


DAMAGE = {
    "demogen": [
        (f"{NAMES[0]}/model.ckpt-150000.index", None, "no model.ckpt"),
        (f"{NAMES[0]}/model.ckpt-150000.data-00000-of-00001", None, "is missing"),
        (f"{NAMES[0]}/model.ckpt-150000.data-00000-of-00001", 0.5, "is cut"),
        (f"{NAMES[0]}/model.ckpt-150000.index", 0.5, "no sorted table"),
        (f"{NAMES[0]}/train.json", 0.5, "train.json is no JSON"),
        (f"{NAMES[0]}/train.json", b'{"Accuracy": 90}', "no fraction from 0 to 1"),
        (f"{NAMES[0]}/eval.json", None, "its test accuracy is not stated"),
    ],
    "pgdl": [
        ("model_0/weights.hdf5", None, "is missing"),
        ("model_0/weights.hdf5", 0.5, "no HDF5 file of Keras weights, or damaged"),
        ("model_0/weights.hdf5", hdf5(0, units=3), "its architecture has"),
        ("model_0/weights_init.hdf5", 0.3, "no HDF5 file"),
        ("model_0/config.json", b"[]", "no model_config or input_shape"),
        ("model_0/config.json", b'{"model_config": [{}], "input_shape": [3]}', "no layer_name"),
    ],
    "modelzoo": [
        ("00000/params.json", None, "is missing"),
        ("00000/params.json", b'{"model::nlin": "cosine"}', "no activation known here: 'cosine'"),
        ("00000/result.json", b"{}", "has 1 lines, and none of epoch 2"),
        ("00000/checkpoint_000002/checkpoints", 0.5, "or a damaged one"),
        ("00000/checkpoint_000002/checkpoints", b"\x80\x04cos\nsystem\n.", "damaged"),
    ],
}


@pytest.mark.parametrize(
    ("name", "path", "change", "reason"),
    [(name, *case) for name, cases in DAMAGE.items() for case in cases],
)
def test_a_damaged_network_is_named_and_the_rest_go_on(name, path, change, reason, tmp_path):
    files, importer, count = KINDS[name][0](), *KINDS[name][1:]
    (found,) = [known for known in files if known.endswith(path)]
    if change is None:
        del files[found]
    elif isinstance(change, bytes):
        files[found] = change
    else:
        files[found] = files[found][: int(len(files[found]) * change)]
    zoo = imported(importer, writers.as_folder(files, tmp_path / "archive"), tmp_path / "zoos")
    ((failed, why),) = zoo.failed.items()
    assert failed in found
    assert reason in why
    assert "\n" not in why
    assert len(zoo.zoo) == count - 1
    assert zoo.zoo.manifest.failed == zoo.failed


def test_a_folder_whose_name_is_none_is_named(tmp_path):
    names = [
        NAMES[0],
        "nin_wide_1.0x_dropout_0.0_decay_0.0_1",
        "nin_wide_1.3x__dropout_0.0__decay_0_1",
    ]
    archive = writers.as_folder(writers.demogen_files(names), tmp_path / "archive")
    found = imported(import_demogen, archive, tmp_path / "zoos")
    assert len(found.zoo) == 1
    assert "is no name of a network of this collection" in found.failed[names[1]]
    assert "asks for 249.6" in found.failed[names[2]]


def changed(files, path, change):
    (found,) = [known for known in files if known.endswith(path)]
    content = files.pop(found)
    if change is not None:
        files[found] = change(content)
    return files


def layout(old, new):
    return lambda content: content.replace(old, new)


@pytest.mark.parametrize(
    ("name", "path", "change", "reason"),
    [
        ("smallcnn", "weights.npy", None, "holds no weights.npy"),
        ("smallcnn", "weights.npy", lambda c: c[: len(c) // 2], "weights.npy is cut"),
        ("smallcnn", "weights.npy", lambda c: b"no" + c, "no matrix of numpy's"),
        ("smallcnn", "layout.csv", None, "layout.csv is missing"),
        ("smallcnn", "layout.csv", lambda c: b"varname\nx", "no table with varname"),
        ("smallcnn", "layout.csv", layout(b",0,4,4", b",4,8,4"), "leaves columns out"),
        ("smallcnn", "layout.csv", layout(b"(3, 3, 1, 4)", b"(3, 1, 4)"), "columns of its shape"),
        ("smallcnn", "layout.csv", layout(b"dense/", b"lstm/"), "which no network here has"),
        ("smallcnn", "metrics.csv.gz", lambda c: c[: len(c) // 2], "is no table"),
        ("smallcnn", "metrics.csv.gz", lambda c: gzip.compress(b"step\n1\n"), "has no column"),
        ("pgdl", "model_configs.json", lambda c: b"[", "is no JSON"),
        ("pgdl", "train/shard_0.tfrecord", lambda c: c[:-3], "the last record is cut"),
        ("pgdl", "train/shard_0.tfrecord", lambda c: c[:40] + b"?" + c[41:], "is damaged"),
    ],
)
def test_a_damaged_table_is_one_line(name, path, change, reason, tmp_path):
    files, importer, _ = KINDS[name][0](), *KINDS[name][1:]
    archive = writers.as_folder(changed(files, path, change), tmp_path / "archive")
    with pytest.raises(ArchiveError, match=reason) as error:
        importer(archive, folder=tmp_path / "zoos")
    assert "\n" not in str(error.value)


def test_an_archive_of_another_kind_is_one_line(kind, tmp_path):
    _, _, importer, _ = kind
    archive = writers.as_folder({"readme.txt": b"hello"}, tmp_path / "archive")
    with pytest.raises(ArchiveError, match="holds no") as error:
        importer(archive, folder=tmp_path / "zoos")
    assert "\n" not in str(error.value)


def test_columns_come_in_the_order_of_the_layout(tmp_path):
    found = []
    for order in (("bias", "kernel"), ("kernel", "bias")):
        files = writers.smallcnn_files(order=order)
        place = tmp_path / order[0]
        zoo = imported(
            import_smallcnn, writers.as_folder(files, place), tmp_path / f"zoos-{order[0]}"
        ).zoo
        matrix = np.load(io.BytesIO(files["mnist/weights.npy"]))
        found.append((zoo, matrix[0]))
    for (zoo, row), bias_first in zip(found, (True, False), strict=True):
        network = next(n for n in zoo if n.spec.origin.network == "0")
        kernel = row[4:40] if bias_first else row[:36]
        np.testing.assert_array_equal(
            network.module.conv1.weight.permute(2, 3, 1, 0).reshape(-1), kernel
        )


def test_rows_steps_and_levels_are_chosen(tmp_path):
    archive = writers.as_folder(writers.smallcnn_files(rows=8), tmp_path / "archive")
    chosen = import_smallcnn(
        archive, step=86, where={"config.activation": ["relu"]}, folder=tmp_path / "zoos"
    )[0].zoo
    assert sorted(chosen.record(id).spec.origin.network for id in chosen.ids) == ["0", "4"]
    every = import_smallcnn(archive, step=None, folder=tmp_path / "zoos")[0].zoo
    assert len(every) == 8
    assert set(every.table["step"]) == {43, 86}
    assert every.record(every.ids[0]).spec.data.images == "mnist"
    for arguments, reason in [
        ({"step": 85}, "no row is of step 85"),
        ({"where": {"config.activation": ["gelu"]}}, "there are relu, tanh"),
        ({"where": {"config.activatoin": ["relu"]}}, "did you mean 'config.activation'"),
    ]:
        with pytest.raises(ArchiveError, match=reason):
            import_smallcnn(archive, folder=tmp_path / "zoos", **arguments)


def test_rows_that_are_not_finite_are_left_out(tmp_path):
    files = writers.smallcnn_files()
    matrix = np.load(io.BytesIO(files["mnist/weights.npy"]))
    matrix[2, 7] = np.nan
    buffer = io.BytesIO()
    np.save(buffer, matrix)
    files["mnist/weights.npy"] = buffer.getvalue()
    found = imported(import_smallcnn, writers.as_folder(files, tmp_path / "a"), tmp_path / "zoos")
    assert found.failed == {"2": "its weights are not all finite"}


def test_a_subset_that_nobody_can_make_again_is_said_to_be_unknown(tmp_path):
    files = writers.smallcnn_files()
    table = gzip.decompress(files["mnist/metrics.csv.gz"]).replace(b",1.0,/x/0", b",0.5,/x/0")
    files["mnist/metrics.csv.gz"] = gzip.compress(table)
    zoo = imported(import_smallcnn, writers.as_folder(files, tmp_path / "a"), tmp_path / "zoos").zoo
    known = {n.spec.origin.network: Access.TRAIN not in n.missing for n in zoo}
    assert known == {"0": False, "2": True, "4": True}


def test_pgdls_images_initial_weights_and_levels(tmp_path):
    archive = writers.as_folder(pgdl_files(), tmp_path / "archive")
    zoo = imported(import_pgdl, archive, tmp_path / "zoos", task="task7").zoo
    table = zoo.table
    assert table["depth"].tolist() == [int(n) for n in table["depth"]]
    assert table["stated_train_accuracy"].tolist() == [0.5] * 3
    assert table["measured_train_accuracy"].notna().all()
    for network in zoo:
        number = int(network.spec.origin.network.removeprefix("model_"))
        assert network.train.images.shape == (8, 3, 5, 4)
        with h5py.File(io.BytesIO(hdf5(100 + number))) as file:
            first = file["conv2d_10/conv2d_10/kernel:0"][()]
        np.testing.assert_array_equal(network.initial.conv1.weight.permute(2, 3, 1, 0), first)
    moved = load_zoo(zoo.storage.place, images=tmp_path / "zoos/images")
    assert moved.image_set(zoo.name).digest == zoo.manifest.image_sets[zoo.name]
    with pytest.raises(ArchiveError, match="did you mean 'task7'"):
        import_pgdl(archive, "task_7", folder=tmp_path / "zoos")


def test_an_epoch_and_its_line(tmp_path):
    files = writers.modelzoo_files(trials=1, epochs=(1, 2))
    archive = writers.as_folder(files, tmp_path / "archive")
    first = imported(import_modelzoo, archive, tmp_path / "zoos", epoch=1).zoo
    assert first.table["stated_train_accuracy"].tolist() == [0.1]
    files = writers.modelzoo_files(trials=1, epochs=(0, 1))
    archive = writers.as_folder(files, tmp_path / "with-initial")
    second = imported(import_modelzoo, archive, tmp_path / "zoos", epoch=1).zoo
    # A checkpoint of epoch 0 was written, so the first line is of epoch 0.
    assert second.table["stated_train_accuracy"].tolist() == [0.2]


def test_pickles_of_classes_are_not_loaded(tmp_path):
    files = writers.modelzoo_files(trials=2)
    buffer = io.BytesIO()
    torch.save({"module_list.0.weight": torch.nn.Linear(2, 2)}, buffer)
    path = next(name for name in files if name.endswith("00001/checkpoint_000002/checkpoints"))
    files[path] = buffer.getvalue()
    files["tune_zoo_mnist_uniform/dataset.pt"] = b"\x80\x04cos\nsystem\n."
    found = imported(import_modelzoo, writers.as_folder(files, tmp_path / "a"), tmp_path / "zoos")
    assert list(found.failed) == ["NN_tune_trainable_00001"]


def test_the_command_says_what_it_did(tmp_path, capsys):
    files = changed(pgdl_files(), "model_1/weights.hdf5", None)
    archive = writers.as_zip(files, tmp_path / "data.zip")
    arguments = ["pgdl", str(archive), "--task", "task7", "--folder", str(tmp_path / "zoos")]
    importing.main(arguments, standalone_mode=False)
    out = capsys.readouterr().out.splitlines()
    assert len(out) == 2
    assert out[0].startswith("  not in the zoo: model_1: ")
    assert out[1].startswith("zoo pgdl-task7: 2 networks, sha256:")
    with pytest.raises(ArchiveError, match="there is no such folder or file"):
        importing.main(["pgdl", str(tmp_path / "none")], standalone_mode=False)
