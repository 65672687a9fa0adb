import pickle

import numpy as np
import pytest

import demogen
from demogen import Pool, ZooError, load_zoo
from demogen._util.draws import Draws
from demogen.zoo import Part, part_asked
from leaderboard import benchmark


def test_a_part_has_its_own_name_digest_table_and_splits(tiny_zoo):
    column = "width" if "width" in tiny_zoo.table else tiny_zoo.table.columns[3]
    level = tiny_zoo.table[column].iloc[0].item()
    part = tiny_zoo.select(f"{column}=={level}")
    expected = tiny_zoo.table[tiny_zoo.table[column] == level]
    assert isinstance(part, Part)
    assert 0 < len(part) < len(tiny_zoo)
    assert part.name == f"{tiny_zoo.name}[{column} == {level}]"
    assert part.table.equals(expected)
    assert part.ids == list(expected.index)
    assert part.digest not in (tiny_zoo.digest, tiny_zoo[: len(part) - 1].digest)
    assert part.whole is tiny_zoo
    for split in part.splits.values():
        assert set(split.ids) == set(part.ids)
        assert f"of zoo {part.name}@{part.digest[:12]}" in split.citation()
    with pytest.raises(ZooError, match="no network in tiny.*did you mean|no network in tiny"):
        _ = part[next(id for id in tiny_zoo.ids if id not in part.ids)]
    assert [network.id for network in part] == part.ids
    assert [id for id, _ in part.weights()] == part.ids
    assert "Part(" in repr(part)


def test_slices_and_samples(tiny_zoo):
    first = tiny_zoo[:5]
    assert first.ids == tiny_zoo.ids[:5]
    assert first.name == f"{tiny_zoo.name}[:5]"
    assert tiny_zoo[::2].ids == tiny_zoo.ids[::2]
    assert tiny_zoo[:3].digest == tiny_zoo[:5][:3].digest
    assert tiny_zoo[:] is tiny_zoo
    assert tiny_zoo.select("1 == 1") is tiny_zoo
    drawn = tiny_zoo.sample(6, seed=3)
    assert drawn.ids == [id for id in tiny_zoo.ids if id in set(drawn.ids)]
    order = Draws(3).permutation(np.arange(24))[:6]
    assert set(drawn.ids) == {sorted(tiny_zoo.ids)[place] for place in order}
    assert tiny_zoo.sample(6, seed=3).digest == drawn.digest
    assert tiny_zoo.sample(6, seed=4).digest != drawn.digest
    assert drawn.sample(len(drawn)) is drawn
    for wrong in (0, -1, 25):
        with pytest.raises(ZooError, match=f"has 24 networks; {wrong} cannot be drawn"):
            tiny_zoo.sample(wrong)
    with pytest.raises(ZooError, match="seed is -1"):
        tiny_zoo.sample(2, seed=-1)
    with pytest.raises(ZooError, match=r"no network of tiny.* is left by 24:"):
        _ = tiny_zoo[24:]
    with pytest.raises(ZooError, match="no network of tiny.* has parameters < 0"):
        tiny_zoo.select("parameters < 0")
    assert part_asked(tiny_zoo, ("parameters > 0",), 4).ids == tiny_zoo.ids[:4]
    assert part_asked(tiny_zoo) is tiny_zoo


def test_a_part_of_a_pool(tiny_zoo, mlp_zoo_folder):
    pool = Pool([tiny_zoo, load_zoo(mlp_zoo_folder)])
    part = pool.select("parameters > 0 and family != 'mlp'")
    assert set(part.ids) == set(tiny_zoo.ids)
    assert part.digest not in (tiny_zoo.digest, pool.digest)
    assert next(iter(part)).id == part.ids[0]


def test_a_part_travels_and_shares_the_cache(tiny_zoo, tmp_path):
    part = tiny_zoo[:4]
    again = pickle.loads(pickle.dumps(part))
    assert (again.digest, again.ids) == (part.digest, part.ids)
    whole = demogen.measure("parameter-count", tiny_zoo, cache=tmp_path)
    kept = next(tmp_path.glob("*.jsonl")).read_text()
    measured = demogen.measure("parameter-count", part, cache=tmp_path)
    assert measured.equals(whole.loc[sorted(part.ids)])
    assert next(tmp_path.glob("*.jsonl")).read_text() == kept
    side_by_side = demogen.measure("parameter-count", part, cache=False, workers=2)
    assert side_by_side.equals(measured)


def test_results_of_a_part_stand_by_themselves(tiny_zoo, tmp_path):
    from leaderboard import verify
    from leaderboard.pages.provenance import cite, reproduce

    part = part_asked(tiny_zoo, ("parameters > 0", "copy_number <= 1"), 10)
    (result,) = benchmark(["parameter-count"], part, splits=["leave-one-out"], cache=tmp_path)
    assert result.zoo_digest == part.digest
    assert result.path.parts[0].endswith(part.digest[:12])
    assert "split, targets and folds are those" in verify(result, part)[1]
    assert reproduce(result) == (
        f"demogen evaluate parameter-count --zoo {tiny_zoo.name} --where 'copy_number <= 1' "
        "--limit 10"
    )
    assert cite(result) == f"demogen cite {tiny_zoo.name}"
    drawn = tiny_zoo.sample(10)
    (result,) = benchmark("parameter-count", drawn, splits=["leave-one-out"], cache=tmp_path)
    assert reproduce(result).endswith("# on its part [sample 10, seed 0], which is made in Python")


def test_names_are_taken_and_near_ones_offered(tiny_zoo):
    with pytest.raises(demogen.PredictorError, match="did you mean 'product-norm'"):
        demogen.measure("product-nrm", tiny_zoo)
    with pytest.raises(demogen.PredictorError, match="did you mean 'product-norm'"):
        benchmark(["product-nrm"], tiny_zoo)
    assert demogen.measure("product-norm", tiny_zoo[tiny_zoo.ids[0]]).keys() == {"log_product_norm"}
    named = benchmark(["parameter-count", "mean-gap"], tiny_zoo, splits=["kfold-10"])
    assert [result.predictor for result in named] == ["parameter-count", "mean-gap"]
