"""What was measured again, held against what was submitted."""

import math
from collections.abc import Iterator, Mapping

import numpy as np

from demogen.errors import PredictorError, SubmissionError
from leaderboard.fitting.regressor_text import regressor_from_text, regressor_to_text
from leaderboard.results.result import Result
from leaderboard.submissions.rerun_messages import Answer

SIGNATURE_TOLERANCE = 1e-3
"""Relative to a value or, where that is more, to the standard deviation of its column. A zoo gives
its logits to a relative 1e-4 on any machine; a statistic of them may lose one digit more."""

PREDICTION_TOLERANCE = 1e-2
"""Relative to the standard deviation of the targets: how far a prediction from what was measured
again may be from the one submitted. Without it, columns that differ by less than the tolerance
above could carry the gap, for a regressor can make much of a small difference."""


def check_answer(result: Result, ids: Mapping[str, str], answer: Answer) -> None:
    """The code is of the predictor that the result is of, and measures what was submitted.

    Args:
        result: as submitted.
        ids: network → its name in the answer, for the networks measured again.
        answer: of the code; nothing in it is trusted.

    Raises:
        SubmissionError: something differs; the first difference is named.
    """
    _check_identity(result, answer)
    for network, id in ids.items():
        _check_network(result, network, id, answer)
    _check_predictions(result, ids, answer)


def ascii_line(text: str) -> str:
    """Text of others on one line, without signs that a terminal would act upon."""
    signs = " ".join(text.split())
    plain = (s if s.isascii() and s.isprintable() else s.encode("unicode_escape") for s in signs)
    return "".join(s if isinstance(s, str) else s.decode() for s in plain)


def _check_identity(result: Result, answer: Answer) -> None:
    columns = answer.columns
    if columns is None:
        first = next(iter(answer.signatures.values()), {})
        columns = tuple(sorted(first)) if first else result.columns
    for what, claimed, found in (
        ("predictor", result.predictor, answer.predictor),
        ("measure", result.measure, answer.measure),
        ("access", result.access, answer.access),
        ("columns", result.columns, columns),
        ("regressor", _normal(result.regressor), _normal(answer.regressor)),
    ):
        if claimed != found:
            shown = ascii_line(str(found))[:200]
            raise SubmissionError(
                f"{result.path}: its {what} is {claimed}, but that of the code is {shown}; "
                "submit again"
            )


def _normal(regressor: str) -> str:
    """A regressor's text as it is written here: another scikit-learn may have other defaults."""
    try:
        return regressor_to_text(regressor_from_text(regressor))
    except PredictorError as error:
        raise SubmissionError(str(error)) from error


def _check_network(result: Result, network: str, id: str, answer: Answer) -> None:
    found = answer.signatures.get(id)
    again = None
    if found is not None and set(result.columns) <= set(found):
        again = [found[column] for column in result.columns]
    if network in result.dropped:
        if again is not None:
            raise SubmissionError(
                f"{result.path}: {network} is left out as not measurable, but the code measures it"
            )
        return
    if again is None:
        reason = ascii_line(answer.dropped.get(id, "it gives other features"))[:200]
        raise SubmissionError(f"{result.path}: the code does not measure {network}: {reason}")
    for column, claimed, value, spread in zip(
        result.columns, result.signatures[network], again, _spreads(result), strict=True
    ):
        if abs(value - claimed) > SIGNATURE_TOLERANCE * max(abs(claimed), spread):
            raise SubmissionError(
                f"{result.path}: {column} of {network} is said to be {claimed}, but measured "
                f"again it is {value}"
            )


def _check_predictions(result: Result, ids: Mapping[str, str], answer: Answer) -> None:
    """Predictions from what was measured again are those submitted."""
    networks = [network for network in ids if network in result.signatures]
    if not networks:
        return
    rows = sorted(result.signatures)
    width = len(result.columns)
    design = np.array([result.signatures[row] for row in rows], np.float64)
    targets = np.array([result.targets[row] for row in rows], np.float64)
    regressor = regressor_from_text(result.regressor).fit(design.reshape(len(rows), width), targets)
    features = [answer.signatures[ids[network]] for network in networks]
    again = np.array([[row[column] for column in result.columns] for row in features], np.float64)
    predicted = np.asarray(
        regressor.predict(again.reshape(len(networks), width)), np.float64
    ).ravel()
    slack = PREDICTION_TOLERANCE * float(targets.std())
    for network, value in zip(networks, predicted.tolist(), strict=True):
        claimed = result.fit[network]
        if not math.isclose(value, claimed, rel_tol=1e-9, abs_tol=slack):
            raise SubmissionError(
                f"{result.path}: it predicts {claimed} for {network}, but from what is measured "
                f"again {value}; its signatures differ in digits that should not matter"
            )


def _spreads(result: Result) -> Iterator[float]:
    """The standard deviation of each column."""
    rows = np.array(list(result.signatures.values()), np.float64)
    yield from rows.reshape(len(rows), len(result.columns)).std(axis=0).tolist()
