"""Published results drawn and measured again: what agrees, what does not, and what is not drawn."""

import json
from collections import Counter

import pytest
from click.testing import CliRunner

from demogen.errors import ResultError
from demogen.zoo.zoo import load_zoo
from leaderboard.cli import commands
from leaderboard.results.evaluation import benchmark
from leaderboard.results.places import note_places
from leaderboard.results.result import Result, read_results, write_result
from leaderboard.submissions.auditing import audit, population

PREDICTORS = ["unit-sparsity", "parameter-count", "mean-gap"]


@pytest.fixture(scope="module")
def zoo(tiny_zoo_folder):
    return load_zoo(tiny_zoo_folder)


@pytest.fixture(scope="module")
def published(zoo):
    return benchmark(PREDICTORS, zoo, splits=["kfold-10", "holdout-100"], cache=False)


def changed(result, **parts):
    """The result with other content, whose own parts agree no longer."""
    return Result.model_construct(**{**dict(result), **parts})


def with_signatures(result, by):
    moved = {
        network: tuple(value * (1 + by) for value in values)
        for network, values in result.signatures.items()
    }
    return changed(result, signatures=moved)


def everything(results, zoo):
    drawn_from = population(results, [zoo])
    return list(audit(drawn_from, [zoo], drawn_from.networks))


def of(results, predictor):
    return [result for result in results if result.predictor == predictor]


class TestPopulation:
    def test_splits_share_their_signatures(self, published, zoo):
        drawn_from = population(published, [zoo])
        assert [one.predictor for one in drawn_from.results] == ["parameter-count", "unit-sparsity"]
        assert drawn_from.networks == sum(len(one.signatures) for one in drawn_from.results)

    def test_what_cannot_be_measured_again_is_named(self, published, zoo):
        [strange, *_] = of(published, "unit-sparsity")
        strange = changed(strange, predictor="unheard-of")
        assert population([*published, strange], []).left_out == {
            "mean-gap on tiny": "it measures nothing",
            "parameter-count on tiny": f"the zoo of digest {zoo.digest[:12]} is not at hand; "
            "give it by --zoo",
            "unheard-of on tiny": "the predictor is not installed here",
            "unit-sparsity on tiny": f"the zoo of digest {zoo.digest[:12]} is not at hand; "
            "give it by --zoo",
        }

    def test_nothing_to_draw_is_an_error(self, published, zoo):
        with pytest.raises(ResultError, match="mean-gap on tiny: it measures nothing"):
            list(audit(population(of(published, "mean-gap"), [zoo]), [zoo], 5))


class TestAudit:
    def test_what_was_measured_here_agrees(self, published, zoo):
        audited = everything(published, zoo)
        assert len(audited) == population(published, [zoo]).networks
        assert not [one.fault for one in audited if one.fault]
        assert max(one.deviation for one in audited) < 1e-6
        assert all("agrees" in one.line() for one in audited)

    def test_the_seed_decides_what_is_drawn(self, published, zoo):
        drawn_from = population(published, [zoo])

        def drawn(sample, seed):
            return [(one.predictor, one.network) for one in audit(drawn_from, [zoo], sample, seed)]

        assert drawn(6, 1) == drawn(6, 1)
        assert drawn(6, 1) != drawn(6, 2)
        assert max(Counter(drawn(6, 1)).values()) == 1

    def test_another_signature_is_found_on_every_network(self, published, zoo):
        for result in of(published, "unit-sparsity"):
            [*audited] = everything([with_signatures(result, 0.01)], zoo)
            assert all("is said to be" in one.fault for one in audited)
            assert all(one.deviation > 1e-3 for one in audited)
            assert all("does not agree: " in one.line() for one in audited)

    def test_digits_within_the_tolerance_do_not_matter(self, published, zoo):
        for result in of(published, "unit-sparsity"):
            audited = everything([with_signatures(result, 1e-6)], zoo)
            assert not [one.fault for one in audited if one.fault]
            assert max(one.deviation for one in audited) == pytest.approx(1e-6, rel=0.1)

    def test_another_version_of_the_measure_is_found(self, published, zoo):
        result, *_ = of(published, "unit-sparsity")
        measure = result.measure.model_copy(update={"version": 99})
        audited = everything([changed(result, measure=measure)], zoo)
        assert all("its measure is" in one.fault for one in audited)

    def test_a_prediction_that_does_not_follow_is_found(self, published, zoo):
        result, *_ = of(published, "parameter-count")
        fit = {network: value + 1 for network, value in result.fit.items()}
        audited = everything([changed(result, fit=fit)], zoo)
        assert all("it predicts" in one.fault for one in audited)


class TestCommand:
    @pytest.fixture
    def folder(self, published, tmp_path):
        for result in published:
            write_result(result, tmp_path / "results")
        return tmp_path / "results"

    def run(self, *words):
        command = ["audit", *map(str, words)]
        return CliRunner().invoke(commands.leaderboard, command, catch_exceptions=False)

    def test_it_says_what_agrees_within_what(self, folder, tiny_zoo_folder, published, zoo):
        done = self.run("--results", folder, "--zoo", tiny_zoo_folder, "--sample", 3)
        assert done.exit_code == 0
        *lines, last = done.stdout.splitlines()
        assert len(lines) == 3
        pairs = population(published, [zoo]).networks
        assert last == (
            f"3 of 3 drawn agree (seed 0; {pairs} pairs of 2 results): features within 0.001 of "
            "their value or of their column's standard deviation, predictions within 0.01 standard "
            "deviations of the targets"
        )
        assert done.stderr == "not drawn: mean-gap on tiny: it measures nothing\n"

    def test_zoos_are_where_evaluate_noted_them(self, folder, published, tiny_zoo_folder):
        note_places(folder, published, [str(tiny_zoo_folder)])
        done = self.run("--results", folder, "--sample", 1, "--json")
        assert done.exit_code == 0
        [audited] = json.loads(done.stdout)["audited"]
        assert audited["fault"] == ""

    def test_without_a_zoo_it_says_so(self, folder):
        with pytest.raises(ResultError, match="is not at hand; give it by --zoo"):
            self.run("--results", folder)

    def test_a_zoo_that_is_gone_is_named(self, folder, published, tmp_path):
        note_places(folder, published, [str(tmp_path / "gone")])
        with pytest.raises(ResultError, match="is not at hand; give it by --zoo"):
            self.run("--results", folder)

    def test_one_that_does_not_agree_fails_it(self, folder, tiny_zoo_folder, published):
        for result in published:
            path = folder / result.path
            content = json.loads(path.read_text())
            content["measure"]["version"] = 99
            path.write_text(json.dumps(content))
        assert len(read_results(folder)) == len(published)
        words = ("--results", folder, "--zoo", tiny_zoo_folder, "--sample", 2)
        with pytest.raises(ResultError, match="2 of 2 results measured again do not agree"):
            self.run(*words)
