"""What figures are drawn from: a zoo, results, and the arrays that measures leave."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, final

import numpy as np

from demogen.errors import ResultError, ZooError
from leaderboard.figures.details import Arrays, Seen, as_it_is, details_of
from leaderboard.results.ranking import preferred_split
from leaderboard.results.result import Result

if TYPE_CHECKING:
    import pandas as pd
    from sklearn.base import RegressorMixin

    from demogen.measuring.options import MeasuringOptions
    from demogen.measuring.predictor import Predictor
    from demogen.zoo.base import NetworkSet


@final
@dataclass(frozen=True)
class Sources:
    """What a figure may be drawn from.

    Attributes:
        zoo: a zoo or a pool of zoos, if one is given.
        results: of any zoos, predictors and splits.
        networks: ids chosen by the reader; empty: a spread over the gap.
        train_accuracy: from it on a network fits its training set, as the figures of novak2018 ask.
        predictors: shown in the place of the paper's; empty: the paper's.
        measuring: how the zoo is measured where something is to be measured.
    """

    zoo: "NetworkSet | None" = None
    results: Sequence[Result] = ()
    networks: tuple[str, ...] = ()
    train_accuracy: float = 1.0
    predictors: "tuple[Predictor, ...]" = ()
    measuring: "MeasuringOptions" = field(default_factory=dict)  # type: ignore[assignment]

    @property
    def given_zoo(self) -> "NetworkSet":
        """The zoo.

        Raises:
            ZooError: none is given.
        """
        if self.zoo is None:
            raise ZooError("this figure is drawn from a zoo; name one with --zoo")
        return self.zoo

    @property
    def table(self) -> "pd.DataFrame":
        """The zoo's table.

        Raises:
            ZooError: no zoo is given.
        """
        return self.given_zoo.table

    @property
    def fitted(self) -> "pd.DataFrame":
        """The rows of the table of the networks that fit their training set: `train_accuracy`.

        Raises:
            ZooError: no zoo is given, or no network of it does.
        """
        table = self.table
        kept = table[table["train_accuracy"] >= self.train_accuracy]
        if not len(kept):
            raise ZooError(
                f"no network of zoo {self.given_zoo.name} reaches a training accuracy of "
                f"{self.train_accuracy:g}; the best reaches {table['train_accuracy'].max():g}: "
                "lower --train-accuracy"
            )
        return kept

    def spread(self, count: int, *, fitted: bool = False) -> list[str]:
        """Ids chosen by the reader, else of networks at equal distances in the order of the gap.

        From the largest gap to the smallest, both included; equal gaps in the order of ids. All, if
        there are fewer.

        Args:
            count: how many, where the reader does not choose.
            fitted: only networks that fit their training set, where the reader does not choose.

        Raises:
            ZooError: no zoo is given, or no network fits.
        """
        if self.networks:
            return list(self.networks)
        gaps = (self.fitted if fitted else self.table)["gap"].to_dict()
        ids = sorted(map(str, gaps), key=lambda network: (-gaps[network], network))
        places = np.linspace(0, len(ids) - 1, min(count, len(ids))).round().astype(int)
        return [ids[place] for place in places]

    def one(self) -> str:
        """The id chosen first, else that of the fitted network with the smallest gap.

        Raises:
            ZooError: no zoo is given, or no network fits its training set.
        """
        return self.networks[0] if self.networks else self.spread(2, fitted=True)[-1]

    def details(
        self,
        predictor: "str | Predictor",
        ids: Sequence[str],
        wanted: Sequence[str] = (),
        seen: Seen = as_it_is,
    ) -> list[Arrays]:
        """The arrays that the measure of a predictor leaves of networks of the zoo, in this order.

        Args:
            predictor: or the name under which it is installed.
            ids: of the networks.
            wanted: arrays that must be among them.
            seen: what is measured instead of each network; a worker must be able to load it.

        Raises:
            ZooError: no zoo is given, an unknown id, a network that cannot be read or measured, or
                that leaves no such array.
            PredictorError: no predictor is called so.
        """
        return details_of(self.given_zoo, predictor, ids, wanted, seen, self.measuring)

    def names_of(self, shown: Sequence[str]) -> list[str]:
        """Names of the predictors chosen by the reader, else of those that the paper shows."""
        return [predictor.name for predictor in self.predictors] or list(shown)

    def results_of(
        self, predictors: Sequence[str], split: str | None = None, *, every: bool = False
    ) -> dict[str, Result]:
        """Results of predictors for the gap on one zoo: that given, else the only one there is.

        What the figure cannot do without, and what the reader chose, is measured and scored where
        there is no result of it and a zoo is given.

        Args:
            predictors: names; those without a result are left out.
            split: the one to take; None: any, for what does not depend on it.
            every: all predictors must have one.

        Returns:
            Predictor → its result, in the order of `predictors`.

        Raises:
            ResultError: there is none, one is lacking, or they are of several zoos.
            PredictorError: one that is to be measured is not installed.
            ZooError: one that is to be measured cannot be.
        """
        found = self._found(predictors, split)
        lacking = [name for name in predictors if name not in found]
        if lacking and self.zoo is not None and (every or not found or self.predictors):
            found |= self._scored(lacking, split)
            lacking = []
        if not found or (every and lacking):
            where = f" of zoo {self.zoo.name}" if self.zoo else ""
            on = f" --split {split}" if split else ""
            raise ResultError(
                f"no results{where} of {' or '.join(lacking)} for the gap; give --zoo, or make "
                f"them: `demogen evaluate {' '.join(lacking)} --zoo ZOO{on}`"
            )
        return {name: found[name] for name in predictors if name in found}

    def regressor_of(self, result: Result) -> "RegressorMixin":
        """The unfitted regressor of a result: of the predictor chosen, else of the one installed.

        Raises:
            ResultError: it is not the one that the result was fitted with.
            PredictorError: no predictor is called so.
        """
        from demogen.measuring.predictor import get_predictor
        from leaderboard.fitting.regressor_text import regressor_to_text

        chosen = {one.name: one for one in self.predictors}
        name = result.predictor
        regressor = (chosen[name] if name in chosen else get_predictor(name)).regressor
        if regressor_to_text(regressor) != result.regressor:
            raise ResultError(
                f"the result of {name} was fitted with {result.regressor}, not with what is "
                f"installed here; evaluate {name} again"
            )
        return regressor

    def _found(self, predictors: Sequence[str], split: str | None) -> dict[str, Result]:
        """Predictor → result, among those that there are."""
        found = [
            result
            for result in self.results
            if result.predictor in predictors
            and result.target == "gap"
            and (split is None or result.split == split)
            and (self.zoo is None or result.zoo_digest == self.zoo.digest)
        ]
        zoos = sorted({f"{result.zoo} ({result.zoo_digest[:12]})" for result in found})
        if len(zoos) > 1:
            raise ResultError(
                f"the results are of several zoos: {', '.join(zoos)}; name one with --zoo"
            )
        by_split: dict[str, dict[str, Result]] = {}
        for result in found:
            by_split.setdefault(result.predictor, {}).setdefault(result.split, result)
        return {name: of[preferred_split(of)] for name, of in by_split.items()}

    def _scored(self, names: Sequence[str], split: str | None) -> dict[str, Result]:
        """Predictor → result, made for this figure."""
        from leaderboard.results.evaluation import benchmark

        zoo, chosen = self.given_zoo, {one.name: one for one in self.predictors}
        on = split if split is not None else preferred_split(zoo.splits)
        wanted = [chosen.get(name, name) for name in names]
        scored = benchmark(wanted, zoo, splits=[on], **self.measuring)
        return {result.predictor: result for result in scored}


def captions(ids: Sequence[str]) -> list[str]:
    """Ids without their digests, if they still differ from each other.

    >>> captions(["nin-w4-c1-0123456789ab", "nin-w4-c2-ba9876543210"])
    ['nin-w4-c1', 'nin-w4-c2']
    """
    short = [network.rpartition("-")[0] or network for network in ids]
    return short if len(set(short)) == len(set(ids)) else list(ids)
