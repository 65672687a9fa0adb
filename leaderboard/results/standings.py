"""The standing of predictors over several zoos: mean ranks, and wins, losses and ties."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import final

import numpy as np

from demogen.errors import ResultError
from leaderboard.results.columns import CLAIMED
from leaderboard.results.comparable import Comparable, comparable
from leaderboard.results.filling import filled_predictions
from leaderboard.results.ranking import RankedTable, ranked_tables
from leaderboard.results.result import Result
from leaderboard.scoring.all_pairs import all_pairs
from leaderboard.scoring.bootstrap import DRAWS
from leaderboard.scoring.friedman import (
    ALPHA,
    Friedman,
    critical_difference,
    friedman,
    groups_within,
    ranks_of_rows,
)
from leaderboard.scoring.holm import holm

DRAWS_PER_TEST = 50
"""choice: bootstrap draws for each comparison that Holm's correction counts. The least p value of D
draws is 2 / (D + 1), which the correction multiplies by the number of comparisons: with 1,000 draws
none of 100 comparisons could be significant. For 44 predictors on 3 zoos of 96 networks, 141,900
draws, all takes some 10 s."""

MOST_COUNTS = 4_000_000_000
"""Draws times networks of a zoo, beyond which there are fewer draws than that: some minutes."""


@final
@dataclass(frozen=True)
class DataSet:
    """What predictors are ranked on: a zoo, by the split that ranks its table.

    Attributes:
        zoo: label of the zoo.
        zoo_digest: its digest.
        split: name of the split.
        networks: that any predictor predicts there.
        draws: of the bootstrap.
    """

    zoo: str
    zoo_digest: str
    split: str
    networks: int
    draws: int


@final
@dataclass(frozen=True)
class Standing:
    """One predictor over all data sets.

    Attributes:
        place: 1 for the smallest mean rank; equal ones share it.
        predictor: its name.
        claimed: whether a result of it is its author's word alone.
        mean_rank: over the data sets.
        ranks: on each data set, by R² of all; equal ones share the mean of their ranks.
        wins: comparisons with another predictor on a data set that it won.
        losses: that it lost.
        ties: where neither is better but by chance.
    """

    place: int
    predictor: str
    claimed: bool
    mean_rank: float
    ranks: tuple[float, ...]
    wins: int
    losses: int
    ties: int


@final
@dataclass(frozen=True)
class Duel:
    """Two predictors compared on one data set by the paired bootstrap.

    Attributes:
        zoo: label of the data set's zoo.
        first: name of a predictor.
        second: of another.
        difference: R² of all of the first less that of the second.
        p_value: two-sided, from the share of the draws in which either is better.
        adjusted: by Holm's correction over all predictors and data sets.
        winner: name of the better one; "" of a tie, where `adjusted` is more than 5 %.
    """

    zoo: str
    first: str
    second: str
    difference: float
    p_value: float
    adjusted: float
    winner: str


@final
@dataclass(frozen=True)
class Across:
    """Predictors over several zoos.

    Attributes:
        target: what they predict.
        data_sets: at least two, sorted by zoo.
        standings: at least two, by mean rank and name.
        test: whether all are alike.
        critical_difference: of mean ranks, by Nemenyi's test at 5 %.
        groups: first and last position in `standings` of predictors that it does not tell apart.
        duels: of every two predictors on every data set.
        left_out: zoo or predictor → why it does not count.
    """

    target: str
    data_sets: tuple[DataSet, ...]
    standings: tuple[Standing, ...]
    test: Friedman
    critical_difference: float
    groups: tuple[tuple[int, int], ...]
    duels: tuple[Duel, ...]
    left_out: dict[str, str]

    @property
    def ranks_may_differ(self) -> bool:
        """Whether any two mean ranks can lie the critical difference apart."""
        return self.critical_difference <= len(self.standings) - 1

    @property
    def duels_may_differ(self) -> bool:
        """Whether there are draws enough for Holm's correction to leave any difference."""
        return all(2 * len(self.duels) <= ALPHA * (one.draws + 1) for one in self.data_sets)


def across(results: Sequence[Result], target: str = "gap") -> Across:
    """The standing of predictors over all zoos that they have results on.

    Args:
        results: of any zoos, predictors and splits.
        target: the one to take.

    Raises:
        ResultError: fewer than two zoos or predictors can be compared, or results contradict each
            other.
    """
    return standing_of(comparable(ranked_tables(results), target))


def standing_of(of: Comparable) -> Across:
    """The standing of predictors on tables that were found comparable.

    Raises:
        ResultError: they are not.
    """
    if of.fault:
        raise ResultError(of.fault)
    scores = [[_r2(table)[name] for name in of.predictors] for table in of.tables]
    ranks = ranks_of_rows(scores)
    tests = len(of.tables) * len(of.predictors) * (len(of.predictors) - 1) // 2
    data_sets = [
        _data_set(table, label, tests) for table, label in zip(of.tables, of.labels, strict=True)
    ]
    duels = list(_duels(of, data_sets, scores))
    means = ranks.mean(axis=0).tolist()
    standings = sorted(
        (
            _standing(name, means, ranks[:, position].tolist(), of, duels)
            for position, name in enumerate(of.predictors)
        ),
        key=lambda one: (one.place, one.predictor),
    )
    difference = critical_difference(len(standings), len(data_sets))
    return Across(
        of.target,
        tuple(data_sets),
        tuple(standings),
        friedman(ranks),
        difference,
        tuple(groups_within([one.mean_rank for one in standings], difference)),
        tuple(duels),
        of.left_out,
    )


def _r2(table: RankedTable) -> dict[str, float]:
    return {row.predictor: row.r2_filled for row in table.rows if row.r2_filled is not None}


def _data_set(table: RankedTable, label: str, tests: int) -> DataSet:
    split = table.ranking or ""
    networks = len(table.networks(split).targets)
    draws = max(DRAWS, min(DRAWS_PER_TEST * tests, MOST_COUNTS // networks))
    return DataSet(label, table.zoo_digest, split, networks, draws)


def _duels(
    of: Comparable, data_sets: Sequence[DataSet], scores: Sequence[Sequence[float]]
) -> Iterator[Duel]:
    """Every two predictors on every data set."""
    pairs = list(combinations(range(len(of.predictors)), 2))
    compared = [
        _compared(table, of.predictors, one.draws)
        for table, one in zip(of.tables, data_sets, strict=True)
    ]
    p_values = np.array([p[pair] for p, _ in compared for pair in pairs])
    adjusted = iter(holm(p_values).tolist())
    for data_set, r2, (p, share) in zip(data_sets, scores, compared, strict=True):
        for i, j in pairs:
            first, second = of.predictors[i], of.predictors[j]
            corrected = next(adjusted)
            better = first if share[i, j] > 0.5 else second
            yield Duel(
                *(data_set.zoo, first, second, r2[i] - r2[j]),
                *(float(p[i, j]), corrected, better if corrected <= ALPHA else ""),
            )


def _compared(
    table: RankedTable, predictors: Sequence[str], draws: int
) -> tuple[np.ndarray, np.ndarray]:
    """Every two predictors: p value, and share of the draws in which the first is better."""
    split = table.ranking or ""
    networks = table.networks(split)
    configurations = {
        network: name
        for of in table.results.values()
        if split in of
        for network, name in of[split].configurations.items()
    }
    filled = [filled_predictions(table.results[name][split], networks) for name in predictors]
    ids = sorted(filled[0])
    pairs = all_pairs(
        [networks.targets[network] for network in ids],
        [[of[network] for network in ids] for of in filled],
        [configurations[network] for network in ids],
        draws,
    )
    return pairs.p_values, pairs.first_better


def _standing(
    name: str,
    means: Sequence[float],
    ranks: Sequence[float],
    of: Comparable,
    duels: Sequence[Duel],
) -> Standing:
    mean = means[of.predictors.index(name)]
    own = [duel for duel in duels if name in (duel.first, duel.second)]
    wins = sum(duel.winner == name for duel in own)
    ties = sum(not duel.winner for duel in own)
    rows = [row for table in of.tables for row in table.rows if row.predictor == name]
    return Standing(
        place=1 + sum(other < mean for other in means),
        predictor=name,
        claimed=any(row.checked == CLAIMED for row in rows),
        mean_rank=mean,
        ranks=tuple(ranks),
        wins=wins,
        losses=len(own) - wins - ties,
        ties=ties,
    )
