"""Designs scored on splits one after the other, or side by side in processes of one thread."""

import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from threadpoolctl import threadpool_limits

from demogen.parallel import map_tasks
from leaderboard.results.result import Result
from leaderboard.results.scored_split import (
    Described,
    Design,
    Networks,
    same_on_splits,
    score_design,
    score_split_of,
)

if TYPE_CHECKING:
    from demogen.format.splits import Split

FEWEST = 40
"""Results from which on processes are started: that takes seconds, and scoring one a tenth of it.

choice: of some hundred networks. Where networks are many and predictors few, sending the networks
would take a good part of what is gained.
"""


def score_designs(
    designs: "Iterable[tuple[Described, Design]]",
    networks: Networks,
    splits: "Sequence[Split]",
    workers: int = 1,
) -> Iterator[Result]:
    """Fit and score each design on each split, designs outermost.

    Args:
        designs: what is said of a predictor, and its columns.
        networks: that are scored.
        splits: of them.
        workers: local processes that score side by side, where there is enough to score.

    Raises:
        PredictorError: a regressor fails.
        DemogenError: a worker process died, or a regressor cannot be sent to one.
    """
    if workers > 1:
        designs = list(designs)
        if len(designs) * len(splits) >= FEWEST:
            yield from _in_processes(designs, networks, splits, workers)
            return
    for predictor, design in designs:
        yield from score_design(predictor, design, networks, splits)


@dataclass(frozen=True)
class _Task:
    """One result to make."""

    predictor: Described
    design: Design
    networks: Networks
    split: "Split"


def _in_processes(
    designs: "Sequence[tuple[Described, Design]]",
    networks: Networks,
    splits: "Sequence[Split]",
    workers: int,
) -> Iterator[Result]:
    tasks = [_Task(*each, networks, split) for each in designs for split in splits]
    outcomes = map_tasks(_scored, tasks, workers=workers)
    with closing(outcomes):
        done = dict(outcomes)
    for number, (_, design) in enumerate(designs):
        same = same_on_splits(design, networks)
        for position in range(number * len(splits), (number + 1) * len(splits)):
            result, warned = done.pop(position)
            for warning in warned:
                warnings.warn(warning, stacklevel=4)
            yield result.model_copy(update=same)


def _scored(task: _Task) -> tuple[Result, list[Warning | str]]:
    """A result without what the caller has already, and what was warned of meanwhile."""
    same = same_on_splits(task.design, task.networks)
    with threadpool_limits(1), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = score_split_of(task.predictor, task.design, task.networks, task.split, same)
    return result.model_copy(update=dict.fromkeys(same)), [one.message for one in caught]
