from functools import partial

import numpy as np
import pytest

from baselines.sparsity import UnitSparsity
from demogen.errors import ResultError, ZooError
from leaderboard.figures import jiang2019, novak2018, zhao2021
from leaderboard.figures.details import among_few
from leaderboard.figures.sources import Sources, captions
from leaderboard.results.evaluation import benchmark


def test_networks_at_equal_distances_in_the_order_of_the_gap(tiny_zoo):
    gaps = tiny_zoo.table["gap"]
    ids = Sources(tiny_zoo).spread(4)
    ordered = sorted(map(str, gaps.index), key=lambda network: (-gaps[network], network))
    assert ids == [ordered[place] for place in (0, 8, 15, 23)]
    assert Sources(tiny_zoo).spread(99) == ordered


def test_what_a_measure_cannot_give_is_one_line(tiny_zoo):
    with pytest.raises(ZooError, match=r"unit-sparsity on network nin-.* has no 'curves'; choose"):
        Sources(tiny_zoo).details("unit-sparsity", tiny_zoo.ids[:1], ["curves"])


def test_workers_leave_the_same_arrays_in_the_order_asked_for(tiny_zoo):
    ids = list(tiny_zoo.ids[:3])[::-1]
    seen = partial(among_few, count=5)
    here = Sources(tiny_zoo).details("unit-sparsity", ids, seen=seen)
    there = Sources(tiny_zoo, measuring={"workers": 2}).details("unit-sparsity", ids, seen=seen)
    for one, other, id in zip(here, there, ids, strict=True):
        few = among_few(tiny_zoo, tiny_zoo[id], count=5)
        expected = UnitSparsity().details(few)
        assert list(one) == list(other) == list(expected)
        for name in one:
            np.testing.assert_array_equal(one[name], other[name])
            np.testing.assert_array_equal(one[name], expected[name])


class TestResults:
    @pytest.fixture
    def measuring(self, tmp_path):
        return {"cache": tmp_path}

    def test_those_that_are_lacking_are_made_where_a_zoo_is_given(self, tiny_zoo, measuring):
        made = Sources(tiny_zoo, measuring=measuring).results_of(["unit-sparsity", "mean-gap"])
        [expected] = benchmark(["unit-sparsity"], tiny_zoo, splits=["kfold-10"], **measuring)
        assert list(made) == ["unit-sparsity", "mean-gap"]
        assert made["unit-sparsity"].fit == expected.fit
        assert any(measuring["cache"].iterdir())

    def test_those_that_are_there_are_taken_and_others_made_if_needed_alone(
        self, tiny_zoo, measuring
    ):
        there = benchmark(["mean-gap"], tiny_zoo, splits=["grouped-kfold-10"], **measuring)
        sources = Sources(tiny_zoo, there, measuring=measuring)
        assert list(sources.results_of(["unit-sparsity", "mean-gap"])) == ["mean-gap"]
        both = sources.results_of(["unit-sparsity", "mean-gap"], every=True)
        assert both["mean-gap"] is there[0]
        assert both["unit-sparsity"].split == "grouped-kfold-10"
        with pytest.raises(ResultError, match="no results of unit-sparsity for the gap; give"):
            Sources(results=there).results_of(["unit-sparsity", "mean-gap"], every=True)

    def test_predictors_of_ones_own_stand_in_the_place_of_the_papers(self, tiny_zoo, measuring):
        from demogen.measuring.predictor import Predictor, get_predictor

        mine = Predictor("mine", UnitSparsity())
        chosen = Sources(
            tiny_zoo, predictors=(mine, get_predictor("mean-gap")), measuring=measuring
        )
        data = jiang2019.gather_fits(chosen)
        assert list(data.results) == ["mine", "mean-gap"]
        assert jiang2019.PREDICTED.draw(chosen, "png")[:4] == b"\x89PNG"
        alone = Sources(tiny_zoo, predictors=(mine,), measuring=measuring)
        assert jiang2019.gather_residuals(alone).title == "mine, tiny"

    def test_a_figure_that_shows_no_other_predictors_says_so(self, tiny_zoo):
        from demogen.errors import PredictorError
        from demogen.measuring.predictor import get_predictor

        two = Sources(tiny_zoo, predictors=(get_predictor("mean-gap"),) * 2)
        with pytest.raises(PredictorError, match="zhao2021-ablation takes no predictors: it"):
            zhao2021.CURVES.draw(two, "png")
        with pytest.raises(PredictorError, match="jiang2019-margins takes at most 1 predictors"):
            jiang2019.MARGINS.draw(two, "png")

    def test_networks_are_chosen_for_a_figure_that_shows_some(self, tiny_zoo):
        first, second = tiny_zoo.ids[:2]
        for figure in (jiang2019.PREDICTED, zhao2021.SUMS):
            with pytest.raises(ZooError, match=f"{figure.name} shows no single networks; leave"):
                figure.draw(Sources(tiny_zoo, networks=(first,)), "png")
        with pytest.raises(ZooError, match="novak2018-bounds shows one network; choose one"):
            novak2018.BOUNDS.draw(Sources(tiny_zoo, networks=(first, second)), "png")


def test_captions_tell_networks_apart():
    assert captions(["a-w4-0f", "a-w8-1e"]) == ["a-w4", "a-w8"]
    assert captions(["a-w4-0f", "a-w4-1e"]) == ["a-w4-0f", "a-w4-1e"]
