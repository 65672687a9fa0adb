"""Paper against ours: every number that a paper prints beside what the zoos at hand give."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from demogen.schema.collections import PublishedCollection
from leaderboard.papers.deviations import changes
from leaderboard.papers.our_numbers import OurNumber, our_number
from leaderboard.papers.printed_numbers import IN_SMALL, PrintedRow, printed_row
from leaderboard.results.result import Result

if TYPE_CHECKING:
    import pandas as pd

UNKNOWN_ROW = PrintedRow("", "", {})
"""Stands for a row that `leaderboard.papers.printed_numbers` does not know."""


@dataclass(frozen=True)
class ZooAtHand:
    """A zoo whose results may be among those compared.

    Attributes:
        name: of its collection.
        digest: of the zoo.
        table: one row a network, index "id".
    """

    name: str
    digest: str
    table: "pd.DataFrame"


@dataclass(frozen=True)
class ComparedNumber:
    """One printed number and ours.

    Attributes:
        place: where the paper prints it.
        row: name of its row in the printed results.
        statistic: name of its statistic there.
        heading: what the paper calls the statistic.
        printed: the paper's value.
        ours: None where there is none.
        networks: that ours is over; None where there is none.
        remark: how the two differ in meaning, or why a zoo at hand does not give it.
    """

    place: str
    row: str
    statistic: str
    heading: str
    printed: float
    ours: float | None
    networks: int | None
    remark: str


@dataclass(frozen=True)
class Comparison:
    """The printed numbers of a collection, or of a pool of some, beside those of one zoo.

    Attributes:
        paper: its key.
        collection: name, those of a pool joined by "+".
        networks_in_full: of the whole collection; None where it is not known.
        zoo: name and 12 digits of the digest; "" where none is at hand.
        networks: of the zoo, measured or not; None where none is at hand.
        cut_down: what the zoo leaves out and changes; () where nothing, or no zoo.
        numbers: in the order of the printed results.
    """

    paper: str
    collection: str
    networks_in_full: int | None
    zoo: str = ""
    networks: int | None = None
    cut_down: tuple[str, ...] = ()
    numbers: tuple[ComparedNumber, ...] = ()


@dataclass(frozen=True)
class _Sample:
    """Results on one zoo or pool, and the rows of its networks if the zoos are at hand."""

    zoo: str = ""
    digest: str = ""
    results: Sequence[Result] = ()
    tables: Mapping[str, "pd.DataFrame"] = field(default_factory=dict)


def compare(
    results: Sequence[Result],
    collections: Sequence[PublishedCollection],
    zoos: Sequence[ZooAtHand] = (),
) -> list[Comparison]:
    """Hold results against printed numbers.

    Args:
        results: of any zoos, predictors and splits.
        collections: with the printed numbers. Results and zoos belong to the collection, or pool of
            collections, that has their name, or that they are in small (`IN_SMALL`).
        zoos: at hand; what results on other zoos cut down is not known.

    Returns:
        One for each collection and pool with printed numbers and each zoo of it, one without a
        zoo where there is none; and one for each zoo whose collection has none. Sorted by paper
        and collection, pools after collections.
    """
    by_name = {collection.name: collection for collection in collections}
    rows = _rows(collections)
    known = {_published(zoo.name) for zoo in zoos} & by_name.keys()
    silent = sorted(name for name in known if (name,) not in rows)
    together: dict[Names, tuple[_Row, ...]] = {**rows, **{(name,): () for name in silent}}
    return [
        _comparison(names, together[names], sample, by_name)
        for names in sorted(together, key=lambda names: _order(names, by_name))
        for sample in _samples(names, results, zoos)
    ]


@dataclass(frozen=True)
class _Row:
    """A row of printed results.

    Attributes:
        name: in the printed results.
        of: where the paper prints it, and which of our scores it is compared with.
        printed: statistic → value.
    """

    name: str
    of: PrintedRow
    printed: Mapping[str, float]


Names = tuple[str, ...]
"""A collection, or the collections of a pool, sorted."""


def _rows(collections: Sequence[PublishedCollection]) -> dict[Names, tuple[_Row, ...]]:
    """The rows that are printed of each collection and pool; of a pool each once."""
    by_names: dict[Names, dict[str, _Row]] = {}
    for collection in collections:
        for name, printed in collection.printed_results.items():
            row = printed_row(collection.paper.key, collection.name, name) or UNKNOWN_ROW
            names = tuple(sorted(row.pool)) or (collection.name,)
            by_names.setdefault(names, {})[name] = _Row(name, row, printed)
    return {names: tuple(rows.values()) for names, rows in by_names.items()}


def _order(names: Names, by_name: Mapping[str, PublishedCollection]) -> tuple[str, int, Names]:
    return _paper(names, by_name), len(names), names


def _paper(names: Names, by_name: Mapping[str, PublishedCollection]) -> str:
    return next(by_name[name].paper.key for name in names if name in by_name)


def _samples(
    names: Names, results: Sequence[Result], zoos: Sequence[ZooAtHand]
) -> Iterator[_Sample]:
    """Results on zoos, or pools of zoos, of these names, by digest; one empty if there are none."""
    by_digest: dict[str, list[Result]] = {}
    titles: dict[str, str] = {}
    for result in results:
        # In the name of a pool, zoos of one name stand with their digests.
        parts = (part.partition("@")[0] for part in result.zoo.split("+"))
        if tuple(map(_published, parts)) == names:
            by_digest.setdefault(result.zoo_digest, []).append(result)
            titles[result.zoo_digest] = result.zoo
    for zoo in zoos:
        if (_published(zoo.name),) == names:
            by_digest.setdefault(zoo.digest, [])
            titles[zoo.digest] = zoo.name
    if not by_digest:
        yield _Sample()
    for digest in sorted(by_digest):
        ordered = sorted(by_digest[digest], key=lambda one: (one.predictor, one.split, one.target))
        yield _Sample(titles[digest], digest, ordered, _tables(names, digest, ordered, zoos))


def _tables(
    names: Names, digest: str, results: Sequence[Result], zoos: Sequence[ZooAtHand]
) -> dict[str, "pd.DataFrame"]:
    """Name → table of the zoo, or of the zoos that a pool consists of; those at hand."""
    if len(names) == 1:
        return {_published(zoo.name): zoo.table for zoo in zoos if zoo.digest == digest}
    # Ids are digests of all that decides a network, so that they tell which zoos are pooled.
    ids = _ids(results)
    return {
        zoo.name: zoo.table for zoo in zoos if zoo.name in names and ids.issuperset(zoo.table.index)
    }


def _published(name: str) -> str:
    """The collection whose printed numbers a zoo of that name is held against."""
    return IN_SMALL.get(name, name)


def _ids(results: Sequence[Result]) -> set[str]:
    return {id for result in results for id in (*result.targets, *result.dropped)}


def _comparison(
    names: Names,
    rows: Sequence[_Row],
    sample: _Sample,
    by_name: Mapping[str, PublishedCollection],
) -> Comparison:
    whole = [by_name[name].networks if name in by_name else None for name in names]
    tabled = sum(map(len, sample.tables.values()))
    return Comparison(
        _paper(names, by_name),
        "+".join(names),
        None if None in whole else sum(count or 0 for count in whole),
        f"{sample.zoo}@{sample.digest[:12]}" if sample.zoo else "",
        (len(_ids(sample.results)) or tabled) if sample.zoo else None,
        tuple(_cut_down(names, sample, by_name)),
        tuple(_numbers(rows, names, sample)),
    )


def _cut_down(
    names: Names, sample: _Sample, by_name: Mapping[str, PublishedCollection]
) -> Iterator[str]:
    for name in names if sample.zoo else ():
        of = f"{name}: " if len(names) > 1 else ""
        if name not in sample.tables:
            yield f"{of}not known here: the zoo is not at hand"
        elif name not in by_name or not by_name[name].levels:
            yield f"{of}not known here: no installed package has the whole collection"
        else:
            for change in changes(sample.tables[name], by_name[name].levels):
                yield f"{of}{change}"


def _numbers(rows: Sequence[_Row], names: Names, sample: _Sample) -> Iterator[ComparedNumber]:
    table = sample.tables.get(names[0]) if len(names) == 1 else None
    for row in rows:
        for statistic, printed in row.printed.items():
            ours = OurNumber(None)
            if sample.zoo:
                ours = our_number(row.of, statistic, sample.results, table)
            meaning = row.of.remarks.get(statistic, "") if ours.value is not None else ""
            yield ComparedNumber(
                row.of.place,
                row.name,
                statistic,
                row.of.headings.get(statistic, statistic),
                printed,
                ours.value,
                ours.networks,
                "; ".join(filter(None, [meaning, ours.remark])),
            )
