import json
import os
import random
import signal
import time

import pandas as pd
import pytest
import torch

from demogen import load_zoo
from demogen.errors import CorruptZooError, DemogenError, RecipeError, ZooError
from tests.zoo_recipes.builders import (
    CONTEXT,
    TINY,
    build_and_kill,
    finished,
    packing,
    phase,
    saving,
    start_server,
    tiny,
    train,
)
from zoo_recipes import Recipe, build_zoo, building, load_recipe, plan_zoo
from zoo_recipes.locks import working_on
from zoo_recipes.parts import Shard


@pytest.fixture(scope="module", autouse=True)
def server():
    start_server()


@pytest.fixture
def recipe():
    return tiny()


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """The tiny zoo, trained for one epoch in this process."""
    return build_zoo(tiny(), tmp_path_factory.mktemp("undisturbed") / "zoo")


def test_a_pool_builds_the_same_zoo(recipe, tmp_path, undisturbed):
    pool = build_zoo(recipe, tmp_path / "zoo", workers=2)
    assert pool.digest == undisturbed.digest
    assert len(pool) == 12
    assert sorted(path.name for path in tmp_path.iterdir()) == [".zoo.locks", "zoo"]


def test_a_whole_zoo_is_found_again(recipe, undisturbed):
    plan = plan_zoo(recipe, undisturbed.storage.place)
    assert plan.packed
    assert plan.missing == ()
    stamp = (undisturbed.storage.place / "zoo.json").stat().st_mtime_ns
    assert build_zoo(recipe, undisturbed.storage.place).digest == undisturbed.digest
    assert (undisturbed.storage.place / "zoo.json").stat().st_mtime_ns == stamp


def test_a_larger_part_trains_only_what_it_adds(recipe, tmp_path, undisturbed):
    part = build_zoo(recipe, tmp_path / "zoo", limit=5)
    assert (len(part), part.manifest.planned) == (5, 12)
    assert list(part.splits) == ["leave-one-out"]
    plan = plan_zoo(recipe, tmp_path / "zoo", limit=8)
    assert len(plan.missing) == 3
    assert str(plan).startswith("tiny: 8 of 12 networks wanted, 5 trained, 3 to train, into ")
    whole = build_zoo(recipe, tmp_path / "zoo")
    assert len(whole) == 12
    assert whole.digest == undisturbed.digest


def test_another_recipes_zoo_is_not_overwritten(recipe, undisturbed):
    with pytest.raises(RecipeError, match="holds a zoo of another recipe"):
        build_zoo(recipe.with_settings(epochs=2), undisturbed.storage.place)


def test_two_builders_in_one_folder_are_refused(recipe, tmp_path):
    with (
        working_on(tmp_path / "zoo", None),
        pytest.raises(RecipeError, match="another build works on"),
    ):
        build_zoo(recipe, tmp_path / "zoo", limit=1)
    assert len(build_zoo(recipe, tmp_path / "zoo", limit=1)) == 1


def test_shards_train_everything_once_and_a_build_packs_it(recipe, tmp_path, undisturbed):
    folder = tmp_path / "zoo"
    with working_on(folder, Shard(3, 3)):
        plans = [build_zoo(recipe, folder, shard=Shard(number, 3)) for number in (1, 2)]
    wanted = [{spec.id for spec in plan.wanted} for plan in plans]
    assert [len(ids) for ids in wanted] == [4, 4]
    assert not wanted[0] & wanted[1]
    assert {path.name for path in finished(folder)} == wanted[0] | wanted[1]
    assert all(plan.missing == () and not plan.packed for plan in plans)
    assert plans == [plan_zoo(recipe, folder, shard=Shard(number, 3)) for number in (1, 2)]
    assert not folder.exists()
    assert str(plan_zoo(recipe, folder, shard=Shard(3, 3))).startswith(
        "tiny, shard 3/3: 4 of 12 networks wanted, 0 trained, 4 to train, into "
    )
    stamps = {path: path.stat().st_mtime_ns for path in finished(folder)}
    part = build_zoo(recipe, folder, limit=11)
    assert {path: path.stat().st_mtime_ns for path in stamps} == stamps
    assert (len(part), build_zoo(recipe, folder).digest) == (11, undisturbed.digest)


def test_networks_that_diverge_are_recorded_and_left_out(tmp_path):
    settings = {
        "architecture": {"family": "mlp", "width": 6, "depth": 3},
        "training": {"optimizer": "sgd", "epochs": 1},
        "grid": {"learning_rate": [0.01, 1e20]},
    }
    recipe = Recipe.model_validate({**load_recipe(TINY).model_dump(), **settings})
    plan = build_zoo(recipe, tmp_path / "zoo", shard=Shard(1, 1))
    assert len(plan.failed) == 2
    assert plan == plan_zoo(recipe, tmp_path / "zoo", shard=Shard(1, 1))
    zoo = build_zoo(recipe, tmp_path / "zoo")
    assert len(zoo) == 2
    assert set(zoo.table["learning_rate"]) == {0.01}
    assert zoo.manifest.failed == plan.failed
    said = ("loss is", "entropy is", "logits are")
    assert all(any(word in reason for word in said) for reason in plan.failed.values())
    assert not (tmp_path / "zoo.building").exists()


def test_a_recipe_that_only_diverges_is_one_clear_line(tmp_path):
    settings = {
        "architecture": {"family": "mlp", "width": 6, "depth": 3},
        "training": {"optimizer": "sgd", "epochs": 1, "learning_rate": 1e20},
        "grid": {},
    }
    recipe = Recipe.model_validate({**load_recipe(TINY).model_dump(), **settings})
    with pytest.raises(RecipeError, match="recipe tiny: every network diverged: mlp-w6"):
        build_zoo(recipe, tmp_path / "zoo")


def test_damaged_networks_are_trained_anew(recipe, tmp_path):
    folder = tmp_path / "zoo"
    build_zoo(recipe, folder, limit=3)
    first, second = (folder.with_name("zoo.building") / spec.id for spec in recipe.first(2))
    (first / "weights.safetensors").write_bytes(b"rust")
    (second / "record.json").write_text("{}")
    with pytest.raises(CorruptZooError, match=rf"{first.name} is damaged.* \(and 1 more\).*again"):
        build_zoo(recipe, folder, limit=4)
    zoo = build_zoo(recipe, folder, limit=4)
    zoo.verify()
    assert len(zoo) == 4


def test_other_images_than_the_build_was_begun_with_are_refused(recipe, tmp_path):
    build_zoo(recipe, tmp_path / "zoo", limit=1)
    images = tmp_path / "zoo.building" / "images.json"
    assert json.loads(images.read_text())["digits"].startswith("3f96231daab4")
    images.write_text(json.dumps({"digits": 64 * "0"}))
    with pytest.raises(RecipeError, match="the digits images here .digest 3f96231daab4. are not"):
        build_zoo(recipe, tmp_path / "zoo", limit=2)
    assert len(finished(tmp_path / "zoo")) == 1


def test_a_worker_with_other_images_trains_nothing(recipe):
    task = building._Task(recipe.networks()[0], "cpu", None, digest=64 * "0")
    with pytest.raises(RecipeError, match="the digits images there .* not those of this build"):
        building._train(task)


def test_missing_images_are_one_clear_line(tmp_path):
    recipe = load_recipe("nin-cifar10").with_settings(epochs=1)
    with pytest.raises(ZooError, match=rf"^no cifar10 in {tmp_path}: expected .*[^\n]+$"):
        build_zoo(recipe, tmp_path / "zoo", limit=1, images=tmp_path)
    assert not (tmp_path / "zoo").exists()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"device": "gpu"}, "no device 'gpu': give cpu"),
        ({"device": "cuda:99"}, "no device 'cuda:99' here .*: give cpu"),
        ({"gpus_per_network": 1}, "is for a Ray cluster"),
        ({"ray": "auto", "device": "cuda"}, "instead of --device cuda give --gpus-per-network"),
    ],
)
def test_resources_that_are_not_there_are_refused_first(recipe, tmp_path, settings, message):
    with pytest.raises(DemogenError, match=message):
        build_zoo(recipe, tmp_path / "zoo", **settings)
    assert list(tmp_path.iterdir()) == []


def test_a_gpu_that_is_too_small_is_one_clear_line(recipe, monkeypatch):
    def too_large(*_):
        raise torch.OutOfMemoryError("CUDA out of memory.\nTried to allocate 20 GiB")

    monkeypatch.setattr(building, "train_network", too_large)
    with pytest.raises(RecipeError, match="the memory of cpu is too small to train nin-w4-c1"):
        building._train(building._Task(recipe.networks()[0], "cpu", None))


@pytest.mark.parametrize("moment", ["training", "saving", "packing"])
def test_a_build_killed_at_any_moment_goes_on_where_it_stopped(tmp_path, moment, undisturbed):
    folder = tmp_path / "zoo"
    first = random.Random(0).randrange(1, 6)
    awaited = {
        "training": lambda: len(finished(folder)) > first,
        "saving": lambda: saving(folder),
        "packing": lambda: packing(folder),
    }
    # A network is saved in moments, so the build may be past it when the kill arrives.
    for _ in range(20):
        killed = build_and_kill(folder, awaited[moment])
        assert killed, f"the build ended before it was killed in {moment}"
        if phase(folder) == moment:
            break
    assert phase(folder) == moment
    kept = {path: (path / "record.json").stat().st_mtime_ns for path in finished(folder)}
    assert len(plan_zoo(tiny(), folder).missing) == 12 - len(kept)
    part = build_zoo(tiny(), folder, limit=11)
    assert {path: (path / "record.json").stat().st_mtime_ns for path in kept} == kept
    zoo = build_zoo(tiny(), folder)
    assert (len(part), zoo.digest) == (11, undisturbed.digest)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".zoo.locks", "zoo"]


def test_ctrl_c_is_one_line_and_keeps_what_is_finished(tmp_path):
    folder, errors = tmp_path / "zoo", tmp_path / "errors"
    arguments = (errors, TINY, "--folder", folder, "--set", "steps=40", "--workers", "1")
    process = CONTEXT.Process(target=train, args=arguments)
    process.start()
    try:
        while len(finished(folder)) < 3:
            assert process.is_alive(), errors.read_text()
            time.sleep(0.001)
        os.kill(process.pid, signal.SIGINT)
        process.join(timeout=60)
        assert process.exitcode == 130
    finally:
        process.kill()
    lines = [line for line in errors.read_text().replace("\r", "\n").splitlines() if line.strip()]
    assert lines[-1] == "demogen: interrupted; what was finished is kept"
    assert all(line.startswith("train:") for line in lines[:-1])
    assert 3 <= len(finished(folder)) < 24
    assert not saving(folder)


def test_runs_are_recorded_outside_the_digest(undisturbed):
    runs = pd.read_parquet(undisturbed.storage.place / "runs.parquet")
    assert sorted(runs["id"]) == undisturbed.ids
    assert (runs["seconds"] > 0).all()
    assert set(json.loads(runs["versions"][0])) == {"demogen", "python", "torch"}
    assert "runs.parquet" not in undisturbed.manifest.files
    assert load_zoo(undisturbed.storage.place).manifest.recipe_digest == tiny().digest


def test_networks_that_do_not_fit_their_images_are_refused_before_any_is_trained(tmp_path):
    """One of them is enough; planning finds out, as `--dry-run` does."""
    recipe = Recipe.model_validate(
        {
            **load_recipe(TINY).model_dump(),
            "architecture": {"family": "convnet", "channels": (2, 2, 2), "kernel": 5},
            "grid": {},
            "extra": [],
        }
    )
    with pytest.raises(
        RecipeError, match="network convnet-.* cannot be built: images .* too small"
    ):
        plan_zoo(recipe, tmp_path / "zoo")
    with pytest.raises(RecipeError, match="cannot be built"):
        build_zoo(recipe, tmp_path / "zoo")
    assert list(tmp_path.glob("zoo*")) == []


def test_a_name_too_long_to_be_packed_under_is_refused_before_training(tmp_path, monkeypatch):
    monkeypatch.setattr(building, "_train", None)
    name = "z" * 240
    with pytest.raises(OSError, match="File name too long"):
        build_zoo(tiny(), tmp_path / name)
    assert not list((tmp_path / f"{name}.building").glob("nin*"))
