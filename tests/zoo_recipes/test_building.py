import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from filelock import FileLock

from demogen import load_zoo
from demogen.errors import CorruptZooError, RecipeError
from zoo_recipes import Recipe, build_zoo, load_recipe, plan_zoo

TINY = Path(__file__).parents[1] / "data" / "tiny.toml"


@pytest.fixture
def recipe():
    return load_recipe(TINY).with_training(epochs=1)


def test_a_pool_and_one_process_build_the_same_zoo(recipe, tmp_path):
    alone = build_zoo(recipe, tmp_path / "alone")
    pool = build_zoo(recipe, tmp_path / "pool", workers=2)
    assert alone.digest == pool.digest
    assert len(alone) == 24
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_dir()) == ["alone", "pool"]


def test_a_whole_zoo_is_found_again(recipe, tmp_path):
    zoo = build_zoo(recipe, tmp_path / "zoo")
    plan = plan_zoo(recipe, tmp_path / "zoo")
    assert plan.packed
    assert plan.missing == ()
    stamp = (tmp_path / "zoo" / "zoo.json").stat().st_mtime_ns
    assert build_zoo(recipe, tmp_path / "zoo").digest == zoo.digest
    assert (tmp_path / "zoo" / "zoo.json").stat().st_mtime_ns == stamp


def test_a_larger_part_trains_only_what_it_adds(recipe, tmp_path):
    part = build_zoo(recipe, tmp_path / "zoo", limit=5)
    assert (len(part), part.manifest.planned) == (5, 24)
    assert list(part.splits) == ["leave-one-out"]
    plan = plan_zoo(recipe, tmp_path / "zoo", limit=8)
    assert len(plan.missing) == 3
    assert str(plan).startswith("tiny: 8 of 24 networks wanted, 5 trained, 3 to train, into ")
    whole = build_zoo(recipe, tmp_path / "zoo")
    assert len(whole) == 24
    assert whole.digest == build_zoo(recipe, tmp_path / "other").digest


def test_another_recipes_zoo_is_not_overwritten(recipe, tmp_path):
    build_zoo(recipe, tmp_path / "zoo", limit=2)
    with pytest.raises(RecipeError, match="holds a zoo of another recipe"):
        build_zoo(recipe.with_training(epochs=2), tmp_path / "zoo")


def test_two_builders_in_one_folder_are_refused(recipe, tmp_path):
    with (
        FileLock(tmp_path / "zoo.building.lock"),
        pytest.raises(RecipeError, match="another build works on"),
    ):
        build_zoo(recipe, tmp_path / "zoo", limit=1)
    assert len(build_zoo(recipe, tmp_path / "zoo", limit=1)) == 1


def test_a_network_that_diverges_is_recorded_and_left_out(tmp_path):
    settings = {
        "architecture": {"family": "mlp", "width": 6, "depth": 3},
        "training": {"optimizer": "sgd", "epochs": 1},
        "grid": {"learning_rate": [0.01, 1e20]},
    }
    recipe = Recipe.model_validate({**load_recipe(TINY).model_dump(), **settings})
    zoo = build_zoo(recipe, tmp_path / "zoo")
    assert len(zoo) == 2
    assert set(zoo.table["learning_rate"]) == {0.01}
    assert len(zoo.manifest.failed) == 2
    assert all(
        "loss is" in reason or "entropy is" in reason for reason in zoo.manifest.failed.values()
    )


def test_damaged_weights_are_trained_anew(recipe, tmp_path):
    build_zoo(recipe, tmp_path / "zoo", limit=2)
    workshop = tmp_path / "zoo.building"
    first = sorted(place for place in workshop.iterdir() if place.is_dir())[0]
    (first / "weights.safetensors").write_bytes(b"rust")
    with pytest.raises(CorruptZooError, match=f"{first.name} are not those that were trained"):
        build_zoo(recipe, tmp_path / "zoo", limit=3)
    zoo = build_zoo(recipe, tmp_path / "zoo", limit=3)
    zoo.verify()
    assert len(zoo) == 3


def test_a_killed_build_goes_on_where_it_stopped(recipe, tmp_path):
    code = (
        "import sys\n"
        "from zoo_recipes import Recipe, build_zoo, load_recipe\n"
        "if __name__ == '__main__':\n"
        f"    recipe = load_recipe({str(TINY)!r}).with_training(epochs=1)\n"
        f"    build_zoo(recipe, {str(tmp_path / 'zoo')!r}, workers=2)\n"
    )
    script = tmp_path / "script.py"
    script.write_text(code)
    workshop = tmp_path / "zoo.building"
    building = subprocess.Popen([sys.executable, script], env=os.environ)
    try:
        deadline = time.monotonic() + 120
        while len(finished := list(workshop.glob("nin-*"))) < 5:
            assert time.monotonic() < deadline, "the build did not start"
            assert building.poll() is None, "the build ended before it was killed"
            time.sleep(0.01)
        building.send_signal(signal.SIGKILL)
        building.wait()
    finally:
        building.kill()
    kept = {place.name: (place / "record.json").stat().st_mtime_ns for place in finished}
    plan = plan_zoo(recipe, tmp_path / "zoo")
    assert 0 < len(plan.missing) <= 24 - 5
    part = build_zoo(recipe, tmp_path / "zoo", limit=23)
    still = {name: (workshop / name / "record.json").stat().st_mtime_ns for name in kept}
    assert still == kept
    zoo = build_zoo(recipe, tmp_path / "zoo")
    assert (len(part), len(zoo)) == (23, 24)
    assert zoo.digest == build_zoo(recipe, tmp_path / "undisturbed").digest
    assert not workshop.exists()


def test_runs_are_recorded_outside_the_digest(tiny_zoo):
    import pandas as pd

    runs = pd.read_parquet(tiny_zoo.folder / "runs.parquet")
    assert sorted(runs["id"]) == tiny_zoo.ids
    assert (runs["seconds"] > 0).all()
    assert set(json.loads(runs["versions"][0])) == {"demogen", "python", "torch"}
    assert "runs.parquet" not in tiny_zoo.manifest.files
    assert load_zoo(tiny_zoo.folder).manifest.recipe_digest == load_recipe(TINY).digest
