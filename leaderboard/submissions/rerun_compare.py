"""Compare what submitted code gave when it was run again with what was submitted."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.base import clone

from demogen.errors import PredictorError, SubmissionError
from leaderboard.fitting.regressor_text import regressor_from_text, regressor_to_text
from leaderboard.results.result import Result
from leaderboard.submissions.predictor_facts import PredictorFacts
from leaderboard.submissions.rerun_messages import RerunOutput

SIGNATURE_TOLERANCE = 1e-3
"""Relative to a value or, where that is more, to the standard deviation of its column. A zoo gives
its logits to a relative 1e-4 on any machine; a statistic of them may lose one digit more."""

PREDICTION_TOLERANCE = 1e-2
"""Relative to the standard deviation of the targets: how far a prediction from what was measured
again may be from the one submitted. Without it, columns that differ by less than the tolerance
above could carry the gap, for a regressor can make much of a small difference."""


def check_output(
    result: Result, regressor: Any, ids: Mapping[str, str], output: RerunOutput
) -> None:
    """The code is of the predictor that the result is of, and measures what was submitted.

    Args:
        result: as submitted.
        regressor: the unfitted one that the result describes.
        ids: network → its id in the output, for the networks measured again.
        output: of code that ran without a fault; nothing in it is trusted.

    Raises:
        SubmissionError: something differs; the first difference is named.
    """
    _check_facts(result, PredictorFacts.claimed(result, regressor), output)
    for network, id in ids.items():
        _check_network(result, network, id, output)
    _check_predictions(result, regressor, ids, output)


def largest_deviation(result: Result, network: str, measured: Mapping[str, float]) -> float | None:
    """How far a signature is from the one of a result, by the measure of `SIGNATURE_TOLERANCE`.

    Args:
        result: that measured the network.
        network: its id.
        measured: feature → value, as it was measured again.

    Returns:
        The largest difference of a column, as a share of its value or, where that is more, of the
        column's standard deviation; None where a column was not measured.
    """
    if not set(result.columns) <= set(measured):
        return None
    largest = 0.0
    values = [measured[column] for column in result.columns]
    for _, claimed, value, scale in _compared(result, network, values):
        if value != claimed:
            # Without a scale, a column of zeros, nothing else is near.
            largest = max(largest, abs(value - claimed) / scale if scale else math.inf)
    return largest


def ascii_line(text: str) -> str:
    """Text of others on one line, without signs that a terminal would act upon."""
    signs = " ".join(text.split())
    plain = (s if s.isascii() and s.isprintable() else s.encode("unicode_escape") for s in signs)
    return "".join(s if isinstance(s, str) else s.decode() for s in plain)


def _check_facts(result: Result, claimed: PredictorFacts, output: RerunOutput) -> None:
    """The code is of the predictor that was submitted."""
    columns = output.facts.columns
    if columns is None and output.signatures:
        # All features, in alphabetical order.
        columns = tuple(sorted(next(iter(output.signatures.values())))) or None
    changes = {"columns": columns, "regressor": _as_written_here(output.facts.regressor)}
    if difference := claimed.first_difference(output.facts.model_copy(update=changes)):
        fact, here, there = difference
        shown = ascii_line(str(there))[:200]
        raise SubmissionError(
            f"{result.path}: its {fact} is {here}, but that of the code is {shown}; submit again"
        )


def _as_written_here(regressor: str) -> str:
    """The text of the same regressor without what is the default here."""
    try:
        return regressor_to_text(regressor_from_text(regressor))
    except PredictorError as error:
        raise SubmissionError(str(error)) from error


def _check_network(result: Result, network: str, id: str, output: RerunOutput) -> None:
    signature = output.signatures.get(id)
    measured = None
    if signature is not None and set(result.columns) <= set(signature):
        measured = [signature[column] for column in result.columns]
    if network in result.dropped:
        if measured is not None:
            raise SubmissionError(
                f"{result.path}: {network} is left out as not measurable, but the code measures it"
            )
        return
    if measured is None:
        reason = ascii_line(output.dropped.get(id, "it gives other features"))[:200]
        raise SubmissionError(f"{result.path}: the code does not measure {network}: {reason}")
    for column, claimed, value, scale in _compared(result, network, measured):
        if not abs(value - claimed) <= SIGNATURE_TOLERANCE * scale:
            raise SubmissionError(
                f"{result.path}: {column} of {network} is said to be {claimed}, but measured "
                f"again it is {value}"
            )


def _check_predictions(
    result: Result, regressor: Any, ids: Mapping[str, str], output: RerunOutput
) -> None:
    """Predictions from what was measured again are those submitted."""
    networks = [network for network in ids if network in result.signatures]
    if not networks:
        return
    rows = sorted(result.signatures)
    width = len(result.columns)
    design = np.array([result.signatures[row] for row in rows], np.float64)
    targets = np.array([result.targets[row] for row in rows], np.float64)
    fitted = clone(regressor).fit(design.reshape(len(rows), width), targets)
    features = [output.signatures[ids[network]] for network in networks]
    measured = np.array(
        [[row[column] for column in result.columns] for row in features], np.float64
    ).reshape(len(networks), width)
    predicted = np.asarray(fitted.predict(measured), np.float64).ravel()
    slack = PREDICTION_TOLERANCE * float(targets.std())
    for network, value in zip(networks, predicted.tolist(), strict=True):
        claimed = result.fit[network]
        if not math.isclose(value, claimed, rel_tol=1e-9, abs_tol=slack):
            raise SubmissionError(
                f"{result.path}: it predicts {claimed} for {network}, but from what is measured "
                f"again {value}; its signatures differ in digits that should not matter"
            )


def _compared(
    result: Result, network: str, measured: Sequence[float]
) -> Iterator[tuple[str, float, float, float]]:
    """Column, value in the result, value measured again, and the scale of their difference."""
    for column, claimed, value, spread in zip(
        result.columns, result.signatures[network], measured, _spreads(result), strict=True
    ):
        yield column, claimed, value, max(abs(claimed), spread)


def _spreads(result: Result) -> Iterator[float]:
    """The standard deviation of each column."""
    rows = np.array(list(result.signatures.values()), np.float64)
    yield from rows.reshape(len(rows), len(result.columns)).std(axis=0).tolist()
