"""Which zoos and predictors a standing over several zoos is of, and why others are not."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

from leaderboard.results.ranking import RankedTable, zoo_labels

SHARED = 0.5
"""choice: two zoos whose networks are the same beyond this share of the smaller one's are not two
pieces of evidence, but one: a pool and a zoo of it, or two revisions of a zoo."""


@final
@dataclass(frozen=True)
class Comparable:
    """What can be compared over several zoos.

    A data set is a zoo with the split that ranks its table. choice: each zoo counts once. Its other
    splits divide the same networks with the same gaps, so that ranks on them are no independent
    evidence, which is what Friedman's test takes data sets for.

    Attributes:
        target: what is predicted.
        tables: a data set each, sorted by label.
        labels: of their zoos.
        predictors: names of those with R² of all on each, sorted.
        left_out: zoo or predictor → why it does not count.
        fault: why nothing can be compared, one line; "" where it can.
    """

    target: str
    tables: tuple[RankedTable, ...]
    labels: tuple[str, ...]
    predictors: tuple[str, ...]
    left_out: dict[str, str]
    fault: str


def comparable(tables: Sequence[RankedTable], target: str) -> Comparable:
    """The zoos and predictors to compare: all zoos that leave two predictors in common.

    Zoos are taken in this order: zoos before pools of them, then those with more predictors, then
    by label.

    Args:
        tables: of any zoos and targets.
        target: the one to take.
    """
    of_target = [
        (table, label)
        for table, label in zip(tables, zoo_labels(tables), strict=True)
        if table.target == target
    ]
    of_target.sort(key=lambda one: ("+" in one[0].zoo, -len(_ranked(one[0])), one[1]))
    left_out: dict[str, str] = {}
    taken: list[tuple[RankedTable, str]] = []
    for table, label in of_target:
        if why := _why_not(table, taken):
            left_out[label] = why
        else:
            taken.append((table, label))
    taken.sort(key=lambda one: one[1])
    predictors = sorted(_common([table for table, _ in taken]))
    named = {name for table, _ in of_target for name in table.results}
    for name in sorted(named - set(predictors)):
        lacking = [label for table, label in taken if name not in _ranked(table)]
        left_out[name] = f"no R² of all on {', '.join(lacking) or 'a zoo that counts'}"
    return Comparable(
        target,
        tuple(table for table, _ in taken),
        tuple(label for _, label in taken),
        tuple(predictors),
        left_out,
        _fault(target, len(of_target), len(taken), left_out),
    )


def _ranked(table: RankedTable) -> set[str]:
    """The predictors that the table ranks by R² of all."""
    return {row.predictor for row in table.rows if row.r2_filled is not None}


def _common(tables: Sequence[RankedTable]) -> set[str]:
    return set.intersection(*map(_ranked, tables)) if tables else set()


def _why_not(table: RankedTable, taken: Sequence[tuple[RankedTable, str]]) -> str:
    """Why a zoo does not count beside those taken; "" where it does."""
    if not table.ranking:
        return "no result on a split that ranks"
    for other, label in taken:
        if _same_networks(table, other):
            return f"its networks are those of {label}, which counts"
    others = [other for other, _ in taken]
    if len(_common([*others, table])) < 2:
        beside = " in common with the zoos that count" if taken else ""
        return f"fewer than two predictors{beside}"
    return ""


def _same_networks(one: RankedTable, other: RankedTable) -> bool:
    """Whether most networks of the smaller zoo are in the other, under one id and with one target.

    By both, for rows of two tables that people score may be numbered alike.
    """
    of_one, of_other = (
        set(table.networks(table.ranking or "").targets.items()) for table in (one, other)
    )
    return len(of_one & of_other) > SHARED * min(len(of_one), len(of_other))


def _fault(target: str, given: int, taken: int, left_out: dict[str, str]) -> str:
    if taken >= 2:
        return ""
    if given < 2:
        have = f"those here are on {given}" if given else "there are none here"
        return (
            f"a standing across zoos needs results of {target} on two zoos, and {have}; "
            "evaluate the same predictors on another zoo"
        )
    zoo, why = next(iter(left_out.items()))
    return (
        f"a standing across zoos needs two zoos with two predictors in common, and {zoo} is left "
        f"out: {why}; evaluate the same predictors on another zoo"
    )
