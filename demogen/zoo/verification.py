"""What a zoo's table and splits say, held against what follows from the zoo's records."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from demogen.errors import CorruptZooError
from demogen.format.columns import LATER, ByteRange, is_default, network_rows
from demogen.format.splits import Split, leave_out_name
from demogen.format.table import to_frame
from demogen.schema.records import NetworkRecord

if TYPE_CHECKING:
    import pandas as pd


def check_derived(
    table: "pd.DataFrame",
    records: Sequence[tuple[NetworkRecord, ByteRange]],
    splits: Mapping[str, Split],
    where: str,
) -> None:
    """Make the table of a zoo's records again and compare it with the zoo's, all columns of it.

    So the gap is the difference of the accuracies, and width, configuration and every other factor
    those of the spec that the network is built from.

    Args:
        table: as users see it, one row a network, index "id".
        records: of all its networks, in the order of the rows, and where their weights lie.
        splits: its splits, which `check_split` looks at.
        where: the zoo, in messages.

    Raises:
        CorruptZooError: the table says something else of a network, or a split is not what its
            name says.
    """
    again = to_frame(
        network_rows([record for record, _ in records], [place for _, place in records])
    )
    for name in table.columns.union(again.columns, sort=False):
        stored, derived = _levels(table, name), _levels(again, name)
        for (record, _), said, follows in zip(records, stored, derived, strict=True):
            # Columns that came later may be left out where they say nothing.
            absent = name in LATER and is_default(name, said) and is_default(name, follows)
            if said == follows or absent:
                continue
            raise CorruptZooError(
                f"{where}: the table says {name} {said!r:.60} of network {record.id}, and what it "
                f"holds of that network gives {follows!r:.60}; the zoo is no valid one"
            )
    for split in splits.values():
        check_split(split, table, where)


def check_split(split: Split, table: "pd.DataFrame", where: str) -> None:
    """Refuse a split that is not what its name says of it.

    Folds of a grouped split hold all copies of a configuration or none, and a fold of a split that
    leaves levels of a factor out is one level.

    Raises:
        CorruptZooError: a fold is none of these.
    """
    if split.name.startswith("grouped-"):
        _check_groups(split, "configuration", table, where)
    for factor in table.columns if split.kind == "levels" else ():
        if leave_out_name(str(factor)) == split.name:
            _check_groups(split, str(factor), table, where)
            # Levels may be lists (augmentation), which pandas does not count.
            levels = dict(zip(table.index, _levels(table, str(factor)), strict=True))
            if any(len({levels[id] for id in test}) > 1 for test in split.tests):
                raise CorruptZooError(
                    f"{where}: a fold of splits/{split.name}.json tests several levels of "
                    f"{factor}; the zoo is no valid one"
                )
            return


def _check_groups(split: Split, column: str, table: "pd.DataFrame", where: str) -> None:
    levels = dict(zip(table.index, _levels(table, column), strict=True))
    tested: dict[Any, int] = {}
    for number, test in enumerate(split.tests):
        for id in test:
            if tested.setdefault(levels[id], number) != number:
                raise CorruptZooError(
                    f"{where}: splits/{split.name}.json parts networks of one {column}, "
                    f"{levels[id]!r:.60}; the zoo is no valid one"
                )


def _levels(table: "pd.DataFrame", name: str) -> Iterable[Any]:
    if name not in table.columns:
        return [None] * len(table)
    column = table[name]
    missing = column.isna()
    return [
        None if absent else _plain(level)
        for level, absent in zip(column.tolist(), missing, strict=True)
    ]


def _plain(level: Any) -> Any:
    is_list = hasattr(level, "__len__") and not isinstance(level, str)
    return tuple(map(_plain, level)) if is_list else level
