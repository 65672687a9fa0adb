"""Designs scored on splits one after the other, or side by side in processes of one thread."""

import sys
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from threadpoolctl import ThreadpoolController

from demogen._util.random_states import random_states
from demogen.parallel import map_tasks
from leaderboard.results.kept import KeptResults
from leaderboard.results.result import Result
from leaderboard.results.scored_split import (
    Described,
    Design,
    Networks,
    inputs_of,
    same_on_splits,
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
    kept: KeptResults | None = None,
) -> Iterator[Result]:
    """Fit and score each design on each split, designs outermost.

    Args:
        designs: what is said of a predictor, and its columns.
        networks: that are scored.
        splits: of them.
        workers: local processes that score side by side, where there is enough to score.
        kept: results of an earlier run, which are not made again where they hold.

    Raises:
        PredictorError: a regressor fails.
        DemogenError: a worker process died, or a regressor cannot be sent to one.
    """
    done: dict[int, _Outcome] = {}
    told: set[tuple[type[Warning], str]] = set()
    if workers > 1:
        designs = list(designs)
        tasks = [_Task(*each, networks, split) for each in designs for split in splits]
        done = _in_processes(tasks, kept, workers)
    for number, (predictor, design) in enumerate(designs):
        same = same_on_splits(design, networks)
        for position, split in enumerate(splits, number * len(splits)):
            task = _Task(predictor, design, networks, split)
            outcome = done.pop(position, None) or _found(task, kept, same) or _scored(task, same)
            if kept is not None and not (outcome.found or outcome.drawn):
                messages = [one.message for one in outcome.warned]
                kept.note(outcome.result, predictor.regressor, messages)
            for one in outcome.warned:
                # Once: Python forgets what it told of wherever warnings are caught.
                if one.key in told:
                    continue
                told.add(one.key)
                if type(one.message) is RuntimeWarning:
                    warnings.warn(one.message, stacklevel=4)
                else:  # where it arose, for which there may be filters
                    warnings.warn_explicit(one.message, None, one.file, one.line, one.module)
            yield outcome.result.model_copy(update=same)


@dataclass(frozen=True)
class _Task:
    """One result to make."""

    predictor: Described
    design: Design
    networks: Networks
    split: "Split"


@dataclass(frozen=True)
class _Warned:
    """A warning, and the place in the code that it is of."""

    message: Warning
    file: str = ""
    line: int = 0
    module: str | None = None

    @property
    def key(self) -> tuple[type[Warning], str]:
        """Equal for what says the same."""
        return type(self.message), str(self.message)


@dataclass(frozen=True)
class _Outcome:
    """A result without what is the same on each split, and what was warned of.

    Attributes:
        result: with None where `same_on_splits` has the values.
        warned: while it was made.
        found: whether an earlier run made it.
        drawn: whether random numbers went into it that no seed of its own decides.
    """

    result: Result
    warned: list[_Warned]
    found: bool = False
    drawn: bool = False


def _in_processes(
    tasks: Sequence[_Task], kept: KeptResults | None, workers: int
) -> dict[int, _Outcome]:
    """Outcomes by the position of their tasks: of those found, and of all where many are not."""
    found = {position: _found(task, kept, _same(task)) for position, task in enumerate(tasks)}
    done = {position: outcome for position, outcome in found.items() if outcome is not None}
    missing = sorted(found.keys() - done.keys())
    if len(missing) >= FEWEST:
        outcomes = map_tasks(_scored, [tasks[position] for position in missing], workers=workers)
        with closing(outcomes):
            done |= {missing[number]: outcome for number, outcome in outcomes}
    return done


def _found(task: _Task, kept: KeptResults | None, same: Mapping[str, Any]) -> _Outcome | None:
    """What an earlier run made of a task."""
    if kept is None:
        return None
    inputs = inputs_of(task.predictor, task.design, task.networks, task.split, same)
    if (found := kept.find(inputs, task.predictor.regressor)) is None:
        return None
    result, warned = found
    told = [_Warned(message) for message in warned]
    return _Outcome(result.model_copy(update=dict.fromkeys(same)), told, found=True)


def _scored(task: _Task, same: Mapping[str, Any] | None = None) -> _Outcome:
    """What scoring makes of a task; `same` is made here where it was not sent along."""
    same = _same(task) if same is None else same
    before, libraries = random_states(), _libraries(len(sys.modules))
    with libraries.limit(limits=1), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = score_split_of(task.predictor, task.design, task.networks, task.split, same)
    warned = [_warned(one) for one in caught]
    drawn = random_states() != before
    return _Outcome(result.model_copy(update=dict.fromkeys(same)), warned, drawn=drawn)


def _warned(caught: warnings.WarningMessage) -> _Warned:
    message = caught.message
    assert isinstance(message, Warning)  # as Python makes one of a text
    modules = (
        name
        for name, module in list(sys.modules.items())
        if getattr(module, "__dict__", {}).get("__file__") == caught.filename
    )
    return _Warned(message, caught.filename, caught.lineno, next(modules, None))


def _same(task: _Task) -> dict[str, Any]:
    return same_on_splits(task.design, task.networks)


@lru_cache(maxsize=1)
def _libraries(modules: int) -> ThreadpoolController:
    """The libraries with threads of their own; to look for them takes 5 ms.

    Args:
        modules: how many are imported. Another may have brought a library.
    """
    return ThreadpoolController()
