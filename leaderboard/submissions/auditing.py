"""Draw published results and measure them again with the predictors that are installed here."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, final

import numpy as np

from demogen._util.draws import Draws
from demogen.errors import PredictorError, ResultError, SubmissionError
from leaderboard.fitting.regressor_text import regressor_from_text
from leaderboard.results.result import Result
from leaderboard.results.targets import TABLE
from leaderboard.submissions.claims import is_installed
from leaderboard.submissions.predictor_facts import PredictorFacts
from leaderboard.submissions.rerun_compare import (
    PREDICTION_TOLERANCE,
    SIGNATURE_TOLERANCE,
    check_output,
    largest_deviation,
)
from leaderboard.submissions.rerun_messages import RerunOutput

if TYPE_CHECKING:
    from demogen.measuring.predictor import Predictor
    from demogen.zoo.base import NetworkSet


TOLERANCE = (
    f"features within {SIGNATURE_TOLERANCE:g} of their value or of their column's standard "
    f"deviation, predictions within {PREDICTION_TOLERANCE:g} standard deviations of the targets"
)
"""What it is to agree, in words."""


@final
@dataclass(frozen=True)
class Audited:
    """One network that the predictor of a published result measured again.

    Attributes:
        predictor: its name.
        zoo: name of the zoo.
        network: id.
        path: of the result that was drawn, below the folder of results.
        deviation: the largest difference of a feature, as a share of its value or, where that is
            more, of its column's standard deviation; None: it was not measured.
        fault: how the two differ; "": they agree.
    """

    predictor: str
    zoo: str
    network: str
    path: str
    deviation: float | None
    fault: str = ""

    def line(self) -> str:
        """What came out, in words."""
        what = f"{self.predictor} on {self.network} of {self.zoo}"
        if self.fault:
            return f"{what} does not agree: {self.fault}"
        return f"{what} agrees: its features differ by at most {self.deviation:.1e}"


@final
@dataclass(frozen=True)
class Population:
    """What can be drawn.

    Attributes:
        results: one for each predictor and zoo, by predictor and zoo.
        left_out: predictor and zoo → why its results cannot be measured again here.
    """

    results: tuple[Result, ...]
    left_out: Mapping[str, str]

    @property
    def networks(self) -> int:
        """How many pairs of a predictor and a network there are."""
        return sum(len(result.signatures) for result in self.results)


def population(results: Sequence[Result], zoos: "Sequence[NetworkSet]") -> Population:
    """The results that can be measured again: of installed predictors, on zoos at hand.

    Results of one predictor on one zoo share their signatures, whatever the split and target; one
    stands for all, one of the gap if there is one.

    Args:
        results: the published ones.
        zoos: those at hand, pools among them.
    """
    digests = {zoo.digest for zoo in zoos}
    first: dict[tuple[str, str], Result] = {}
    for result in sorted(results, key=lambda one: (one.target != "gap", str(one.path))):
        first.setdefault((result.predictor, result.zoo_digest), result)
    chosen, left_out = [], {}
    for key in sorted(first):
        result = first[key]
        if reason := _why_not(result, digests):
            left_out[f"{result.predictor} on {result.zoo}"] = reason
        elif result.signatures:
            chosen.append(result)
    return Population(tuple(chosen), left_out)


def audit(
    drawn_from: Population, zoos: "Sequence[NetworkSet]", sample: int, seed: int = 0
) -> Iterator[Audited]:
    """Draw pairs of a predictor and a network it was measured on, and measure these again.

    Every pair is as likely as any other. Nothing is taken from the cache. Networks that results
    left out as not measurable are not drawn.

    Args:
        drawn_from: the pairs.
        zoos: those at hand.
        sample: how many pairs; all, if there are fewer.
        seed: the same seed draws the same pairs.

    Yields:
        What came out, as soon as it is known.

    Raises:
        ResultError: there is nothing to draw from.
        ZooError: a network or its images cannot be read.
    """
    pairs = [(result, id) for result in drawn_from.results for id in sorted(result.signatures)]
    if not pairs:
        reasons = "; ".join(f"{what}: {why}" for what, why in drawn_from.left_out.items())
        raise ResultError(f"no published result can be measured again here: {reasons or 'none'}")
    order = Draws(seed).permutation(np.arange(len(pairs)))
    by_digest = {zoo.digest: zoo for zoo in zoos}
    for place in sorted(order[:sample]):
        result, network = pairs[place]
        yield _measured_again(result, network, by_digest[result.zoo_digest])


def _why_not(result: Result, digests: set[str]) -> str | None:
    if result.access == TABLE:
        return "its signatures are columns of a table"
    if not result.columns:
        return "it measures nothing"
    if not is_installed(result.predictor):
        return "the predictor is not installed here"
    if result.zoo_digest not in digests:
        return f"the zoo of digest {result.zoo_digest[:12]} is not at hand; give it by --zoo"
    return None


def _measured_again(result: Result, network: str, zoo: "NetworkSet") -> Audited:
    from demogen.measuring.predictor_names import predictor_called

    deviation = None
    try:
        output = _output(predictor_called(result.predictor), result, zoo, network)
        deviation = largest_deviation(result, network, output.signatures.get(network, {}))
        check_output(result, regressor_from_text(result.regressor), {network: network}, output)
        fault = ""
    except (SubmissionError, PredictorError) as error:
        fault = str(error)
    return Audited(result.predictor, zoo.name, network, str(result.path), deviation, fault)


def _output(predictor: "Predictor", result: Result, zoo: "NetworkSet", network: str) -> RerunOutput:
    """What the code gives, as code that runs apart would leave it."""
    from demogen.errors import NotMeasurable
    from demogen.measuring.together import compute_signature

    signatures, dropped = {}, {}
    try:
        signature = dict(compute_signature(predictor.measure, zoo[network]))
        if (absent := predictor.measure.absent) is not None:
            signature = dict.fromkeys(result.columns, absent) | signature
        signatures[network] = signature
    except NotMeasurable as error:
        dropped[network] = str(error)
    return RerunOutput(facts=PredictorFacts.of(predictor), signatures=signatures, dropped=dropped)
