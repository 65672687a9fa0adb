"""The parts of a result agree with each other: on networks, columns and folds."""

from collections.abc import Iterable, Mapping, Sequence

from demogen.format.splits import Kind
from leaderboard.scoring.inputs import FoldPredictions


def check_networks(
    parts: Mapping[str, Iterable[str]], measured: set[str], dropped: Iterable[str]
) -> None:
    """Every part names the networks measured, and none of these is dropped.

    Args:
        parts: name of a part → ids in it.
        measured: ids of the networks that have a target.
        dropped: ids of the others.

    Raises:
        ValueError: otherwise.
    """
    for part, ids in parts.items():
        if set(ids) != measured:
            raise ValueError(f"`{part}` and `targets` do not name the same networks")
    if both := measured & set(dropped):
        raise ValueError(f"network {min(both)} is both measured and dropped")


def check_signatures(signatures: Mapping[str, Sequence[float]], columns: Sequence[str]) -> None:
    """Every signature has a value for each column.

    Raises:
        ValueError: one does not.
    """
    for network, signature in signatures.items():
        if len(signature) != len(columns):
            raise ValueError(
                f"the signature of {network} has {len(signature)} values for {len(columns)} columns"
            )


def check_folds(
    folds: Sequence[FoldPredictions], skipped: Sequence[int], kind: Kind, measured: set[str]
) -> None:
    """Folds are of networks measured, and test each as often as the kind of split does.

    Raises:
        ValueError: otherwise.
    """
    numbers = [fold.fold for fold in folds]
    if len({*numbers, *skipped}) != len(numbers) + len(skipped):
        raise ValueError("a fold stands twice")
    for fold in folds:
        if not fold.ids or not len(fold.ids) == len(fold.predictions) == len(fold.places):
            raise ValueError(f"fold {fold.fold} lacks a prediction or place of a network")
        if len(set(fold.ids)) < len(fold.ids) or not measured > set(fold.ids):
            raise ValueError(f"fold {fold.fold} tests a network twice, all, or unmeasured ones")
    if kind != "holdout" and folds:
        tested = [network for fold in folds for network in fold.ids]
        if len(tested) != len(measured) or set(tested) != measured:
            raise ValueError("the folds do not test every measured network exactly once")
