"""What figures are drawn from: a zoo, results, and the arrays that measures leave."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, final

import numpy as np

from demogen.errors import NotMeasurable, ResultError, ZooError
from leaderboard.results.ranking import preferred_split
from leaderboard.results.result import Result

if TYPE_CHECKING:
    import pandas as pd

    from demogen.networks.network import LabeledImages, Network
    from demogen.zoo.base import NetworkSet

Arrays = dict[str, "np.ndarray[tuple[int, ...], np.dtype[np.float64]]"]
"""Name → array, as `Measure.details` gives them."""


@final
@dataclass(frozen=True)
class Sources:
    """What a figure may be drawn from.

    Attributes:
        zoo: a zoo or a pool of zoos, if one is given.
        results: of any zoos, predictors and splits.
        networks: ids chosen by the reader; empty: a spread over the gap.
        train_accuracy: from it on a network fits its training set, as the figures of novak2018 ask.
        device: where networks are measured.
        batch_size: how many images a network takes at a time.
    """

    zoo: "NetworkSet | None" = None
    results: Sequence[Result] = ()
    networks: tuple[str, ...] = ()
    train_accuracy: float = 1.0
    device: str = "cpu"
    batch_size: int = 256

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

    def opened(self, ids: Sequence[str]) -> "Iterator[Network]":
        """Networks of the zoo, in this order.

        Raises:
            ZooError: no zoo is given, an unknown id, or a network that cannot be read.
        """
        return self.given_zoo.networks(ids, device=self.device, batch_size=self.batch_size)

    def results_of(
        self, predictors: Sequence[str], split: str | None = None, *, every: bool = False
    ) -> dict[str, Result]:
        """Results of predictors for the gap on one zoo: that given, else the only one there is.

        Args:
            predictors: names; those without a result are left out.
            split: the one to take; None: any, for what does not depend on it.
            every: all predictors must have one.

        Returns:
            Predictor → its result, in the order of `predictors`.

        Raises:
            ResultError: there is none, one is lacking, or they are of several zoos.
        """
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
        first = {name: of[preferred_split(of)] for name, of in by_split.items()}
        lacking = [name for name in predictors if name not in first]
        if not first or (every and lacking):
            where = f" of zoo {self.zoo.name}" if self.zoo else ""
            on = f" --split {split}" if split else ""
            raise ResultError(
                f"no results{where} of {' or '.join(lacking)} for the gap; `demogen evaluate "
                f"{' '.join(lacking)} --zoo {self.zoo.name if self.zoo else 'ZOO'}{on}` makes them"
            )
        return {name: first[name] for name in predictors if name in first}


def details(predictor: str, network: "Network", wanted: Sequence[str] = ()) -> Arrays:
    """The arrays that the measure of an installed predictor leaves of one network.

    Args:
        predictor: name under which it is installed.
        network: what it measures.
        wanted: arrays that must be among them.

    Raises:
        ZooError: it is not installed, cannot measure this network, or leaves no such array.
    """
    from demogen.measuring.predictor import get_predictor
    from demogen.networks.torch_state import ordinary_state, own_random_numbers

    measure = get_predictor(predictor).measure
    remedy = "choose other networks with --network"
    if reason := measure.applicable(network.module):
        raise ZooError(
            f"{measure.name} is not defined for network {network.id}: {reason}; {remedy}"
        )
    try:
        with ordinary_state(), own_random_numbers(0, network.device):
            found = measure.details(network.view(measure.access))
    except NotMeasurable as error:
        raise ZooError(f"{measure.name} on network {network.id}: {error}; {remedy}") from error
    if lacking := [name for name in wanted if name not in found]:
        raise ZooError(f"{measure.name} on network {network.id} has no {lacking[0]!r}; {remedy}")
    return found


def among_few(network: "Network", count: int) -> "Network":
    """The same network, with at most so many training images.

    Image sets stand in an order decided by a hash of pixels and label, so the first images are as
    good as any.
    """
    train = network.train
    return _with_images(
        network, replace(train, images=train.images[:count], labels=train.labels[:count])
    )


def untrained(network: "Network") -> "Network":
    """The network before training, with the images that it was trained on.

    Raises:
        ZooError: its first weights cannot be made again.
    """
    from demogen.networks.network import Network

    train = network.train
    return Network.of(
        network.initial, train.images, train.labels, batch_size=network.batch_size, id=network.id
    )


def at_test_images(zoo: "NetworkSet", network: "Network", count: int) -> "Network":
    """The network with test images, and their labels, in the place of the training images.

    A figure may show what a predictor must not see: the loss of single test images.

    Args:
        zoo: where the network comes from.
        network: of the zoo.
        count: how many test images, the first.

    Raises:
        ZooError: the images at hand are not those of the zoo.
    """
    from demogen.networks.network import LabeledImages

    images = network.test_inputs[:count]
    labels = zoo.image_set(zoo.record(network.id).spec.data.images).test.labels[:count]
    return _with_images(network, LabeledImages(images, labels.to(images.device)))


def _with_images(network: "Network", train: "LabeledImages") -> "Network":
    from demogen.networks.network import Network

    return Network.of(
        network.module, train.images, train.labels, batch_size=network.batch_size, id=network.id
    )


def captions(ids: Sequence[str]) -> list[str]:
    """Ids without their digests, if they still differ from each other.

    >>> captions(["nin-w4-c1-0123456789ab", "nin-w4-c2-ba9876543210"])
    ['nin-w4-c1', 'nin-w4-c2']
    """
    short = [network.rpartition("-")[0] or network for network in ids]
    return short if len(set(short)) == len(set(ids)) else list(ids)
