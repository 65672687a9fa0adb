"""Score a submission on a zoo that its author did not have: fitted on one, judged on the other."""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from demogen.errors import SubmissionError
from leaderboard.fitting.cross_validation import cross_validate
from leaderboard.results.origins import Unseen
from leaderboard.results.ranking import preferred_split
from leaderboard.results.result import Result
from leaderboard.scoring import metrics
from leaderboard.scoring.inputs import finite
from leaderboard.submissions.folder import Contents
from leaderboard.submissions.rerun import measure_by_code
from leaderboard.submissions.rerun_compare import check_output
from leaderboard.submissions.rerun_isolation import Limits

if TYPE_CHECKING:
    from demogen.zoo.base import NetworkSet

BATCH = 32
"""Networks of one child process: as many lie on the disk at a time."""


def score_on_held_out(contents: Contents, zoo: "NetworkSet", limits: Limits) -> dict[str, Unseen]:
    """Measure all networks of a held-out zoo by the submitted code, and judge its predictions.

    The regressor is fitted to the signatures and targets of each zoo that was submitted on, as in
    leave-zoo-out with the held-out zoo as the fold that is tested. Neither its gaps nor its
    predictions are told, only the score: a zoo can be held out more than once.

    Args:
        contents: a submission that was validated, and whose signatures were measured again.
        zoo: held out: nobody who submits may have it, its gaps or its networks.
        limits: of the child process of each `BATCH` networks.

    Returns:
        `Result.path` → score, of the results on the split that ranks on each zoo and target.

    Raises:
        SubmissionError: a result is of the zoo itself, or the code fails or is another predictor's.
        ZooError: the zoo cannot be read, or none of its networks has the target.
    """
    by_table: dict[tuple[str, str], dict[str, Result]] = {}
    for result in contents.results:
        if result.zoo_digest == zoo.digest:
            raise SubmissionError(
                f"{result.path}: is on the zoo that was to be held out; hold another one out"
            )
        by_table.setdefault((result.zoo_digest, result.target), {})[result.split] = result
    signatures = _signatures(contents, zoo, limits)
    scores = {}
    for by_split in by_table.values():
        result = by_split[preferred_split(by_split)]
        scores[str(result.path)] = judged(result, contents.regressor, zoo, signatures)
    return scores


def judged(
    result: Result, regressor: Any, zoo: "NetworkSet", signatures: Mapping[str, Mapping[str, float]]
) -> Unseen:
    """R² of the predictions for a held-out zoo, about the mean of its own targets.

    Networks without a signature, or without a column that the result takes, are predicted by the
    mean target that the regressor was fitted to.

    Args:
        result: whose signatures and targets are fitted to.
        regressor: the unfitted one that it describes.
        zoo: held out.
        signatures: id in that zoo → feature → value.

    Raises:
        SubmissionError: no network of the zoo has the target, or one is in both zoos.
        PredictorError: the regressor fails.
    """
    known = zoo.table[result.target].astype("float64").dropna()
    targets = {str(network): float(value) for network, value in known.items()}
    if not targets or not result.targets:
        raise SubmissionError(f"{result.path}: no network of {zoo.name} has its target")
    if both := sorted(targets.keys() & {*result.targets, *result.dropped}):
        raise SubmissionError(
            f"{result.path}: {both[0]} is in {zoo.name} and in {result.zoo}; hold out a zoo of "
            "other networks"
        )
    rows = {
        network: tuple(signatures[network][column] for column in result.columns)
        for network in targets
        if set(result.columns) <= signatures.get(network, {}).keys()
    }
    mean = math.fsum(result.targets.values()) / len(result.targets)
    predictions = dict.fromkeys(targets, mean) | _predicted(result, regressor, rows, targets)
    ids = sorted(targets)
    with np.errstate(over="ignore", invalid="ignore"):
        r2 = metrics.r2([targets[n] for n in ids], [predictions[n] for n in ids])
    return Unseen(
        zoo_digest=zoo.digest, networks=len(ids), missing=len(ids) - len(rows), r2=finite(r2)
    )


def _predicted(
    result: Result,
    regressor: Any,
    rows: Mapping[str, tuple[float, ...]],
    targets: Mapping[str, float],
) -> dict[str, float]:
    """Predictions for these rows of a regressor fitted to a result's signatures alone."""
    if not rows:
        return {}
    tests = [sorted(rows)]
    fitted = cross_validate(
        {**result.signatures, **rows}, {**result.targets, **targets}, tests, regressor
    )
    [predicted] = fitted.folds
    return dict(zip(predicted.ids, predicted.predictions, strict=True))


def _signatures(
    contents: Contents, zoo: "NetworkSet", limits: Limits
) -> dict[str, dict[str, float]]:
    """Id in the zoo → what the submitted code measures there."""
    ids = [str(network) for network in zoo.table.index]
    signatures: dict[str, dict[str, float]] = {}
    for start in range(0, len(ids), BATCH):
        first = contents.results[0]
        files, output, _ = measure_by_code(contents, first, zoo, ids[start : start + BATCH], limits)
        check_output(first, contents.regressor, {}, output)
        for network, of in files.items():
            if of.id in output.signatures:
                signatures[network] = dict(output.signatures[of.id])
    return signatures
