import errno
import json

import pytest

from demogen import load_images
from demogen.errors import CorruptZooError, RecipeError
from tests.zoo_recipes.builders import tiny
from zoo_recipes import train_network
from zoo_recipes.build_folder import BuildFolder, space_for
from zoo_recipes.optimization import Diverged


@pytest.fixture(scope="module")
def trained():
    return train_network(tiny().networks()[0], load_images("digits"))


@pytest.fixture
def spec(trained):
    return trained.record.spec


@pytest.fixture
def build_folder(tmp_path):
    build_folder = BuildFolder(tmp_path / "zoo")
    build_folder.path.mkdir()
    return build_folder


def test_a_network_comes_back_as_it_was_put(build_folder, trained, spec):
    assert not build_folder.has(spec)
    build_folder.put(spec, trained)
    assert build_folder.has(spec)
    found = build_folder.get(spec)
    assert (found.record, found.run) == (trained.record, trained.run)
    assert found.weights.read_bytes() == trained.weights
    assert build_folder.failure(spec) is None


def test_a_failure_comes_back_with_its_reason(build_folder, spec):
    build_folder.put(spec, Diverged("the training loss is nan in epoch 3"))
    assert build_folder.has(spec)
    assert build_folder.failure(spec) == "the training loss is nan in epoch 3"
    assert str(build_folder.get(spec)) == "the training loss is nan in epoch 3"


def test_a_network_is_never_put_twice(build_folder, trained, spec):
    build_folder.put(spec, trained)
    with pytest.raises(OSError, match="not empty"):
        build_folder.put(spec, trained)
    assert [path.name for path in build_folder.path.iterdir()] == [spec.id]
    build_folder.get(spec)


@pytest.mark.parametrize("name", ["record.json", "run.json", "weights.safetensors"])
@pytest.mark.parametrize("damage", ["cut", "gone"])
def test_damage_is_noticed(build_folder, trained, spec, name, damage):
    build_folder.put(spec, trained)
    file = build_folder.path / spec.id / name
    if damage == "cut":
        file.write_bytes(file.read_bytes()[:-1])
    else:
        file.unlink()
    with pytest.raises(CorruptZooError, match=f"{spec.id} is damaged"):
        build_folder.get(spec)
    build_folder.remove(spec)
    assert not build_folder.has(spec)


def test_another_networks_files_are_damage(build_folder, trained):
    other = tiny().networks()[1]
    build_folder.put(other, trained)
    with pytest.raises(CorruptZooError, match=f"{other.id} is damaged"):
        build_folder.get(other)


def test_images_are_held_to_what_was_first_trained_on(build_folder):
    build_folder.keep_images({"cifar100": 64 * "a"})
    build_folder.keep_images({"cifar100": 64 * "a", "digits": 64 * "b"})
    with pytest.raises(RecipeError, match=r"cifar100 images here \(digest cccccccccccc\) are not"):
        build_folder.keep_images({"cifar100": 64 * "c"})
    kept = json.loads((build_folder.path / "images.json").read_text())
    assert kept == {"cifar100": 64 * "a", "digits": 64 * "b"}


def test_only_what_is_unfinished_is_cleared(build_folder, trained, spec):
    other = tiny().networks()[1]
    build_folder.put(spec, trained)
    for id in (other.id, "shard-of-another-build"):
        (build_folder.path / f".{id}").mkdir()
    build_folder.clear_unfinished([spec, other])
    left = sorted(path.name for path in build_folder.path.iterdir())
    assert left == [".shard-of-another-build", spec.id]


def test_only_what_its_own_packing_left_is_cleared(tmp_path, build_folder):
    own = [f".zoo-{step}-a1_b2" for step in ("packing", "old", "done")]
    others = [".zoo-epochs1-packing-a1_b2", ".zoo.locks", "zoo-packing-a1", ".zoopacking-a"]
    for name in (*own, *others):
        (tmp_path / name).mkdir()
    build_folder.clear_packing()
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*others, "zoo.building"])
    build_folder.close()
    assert not build_folder.is_left()


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_one_clear_line(tmp_path, number):
    said = f"no space left to write {tmp_path}: what was finished is kept; free some space"
    with pytest.raises(RecipeError, match=said), space_for(tmp_path):
        raise OSError(number, "no space")
    with pytest.raises(PermissionError), space_for(tmp_path):
        raise PermissionError(errno.EACCES, "not yours")
