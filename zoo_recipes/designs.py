"""Parts of a grid that is too large to train whole: balanced designs and samples of matched pairs.

Everything drawn is a sha256 of a seeded text, so the same recipe has the same cells on every
machine and with every version of Python.
"""

import bisect
import hashlib
import itertools
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any

from pydantic import Field

from demogen._util.lookup import lookup
from demogen.errors import RecipeError
from demogen.schema.frozen import Frozen

Cell = dict[str, Any]
"""Factor → level of one configuration."""

Grid = Mapping[str, Sequence[Any]]
"""Factor → its levels."""

_Row = tuple[int, ...]

_Pairs = list[list[list[list[int]]]]
"""[factor][level][other factor][its level] → cells that have both."""

_SWEEPS, _ATTEMPTS = 5, 1000

MOST_CELLS = 1_000
"""Of a design, whose cost grows with the square of them."""

_MOST_WORK = 30_000_000
"""Exchanges of levels that finding a design may try."""


class Design(Frozen):
    """Some cells of a grid, in which every level is as frequent as any other, and every pair of
    levels nearly so.

    Attributes:
        cells: how many, all different; a multiple of the number of combinations of `crossed`.
        seed: another seed, another design.
        contains: cells that must be among them; each gives a level to every factor not crossed.
        crossed: factors; each cell of the other factors is taken with every combination of these.
    """  # noqa: D205 - one sentence

    cells: Annotated[int, Field(ge=1, le=MOST_CELLS)]
    seed: int = 0
    contains: tuple[Cell, ...] = ()
    crossed: tuple[str, ...] = ()


class Sample(Frozen):
    """Cells drawn from a grid as matched pairs; the two cells of a pair differ in one factor.

    Attributes:
        networks: how many cells, all different: twice the number of pairs.
        pairs: the factors in which pairs differ, in turn.
        seed: another seed, another sample.
        small_first: factors whose first levels are likelier: level k of n has probability
            2(n + 1 − k) / (n(n + 1)). The other factors' levels are equally likely.
        largest: cells with more trainable parameters than this are not drawn.
    """

    networks: Annotated[int, Field(ge=2, multiple_of=2)]
    pairs: Annotated[tuple[str, ...], Field(min_length=1)]
    seed: int = 0
    small_first: tuple[str, ...] = ()
    largest: Annotated[int, Field(ge=1)] | None = None


def check_design(design: Design, grid: Grid) -> None:
    """Refuse a design that the grid cannot have.

    Raises:
        RecipeError: a factor or a level is not in the grid, a contained cell lacks a factor, or
            there are not so many cells.
    """
    _check_factors("crossed", design.crossed, grid)
    free = [factor for factor in grid if factor not in design.crossed]
    for cell in design.contains:
        _check_factors("contains", cell, {factor: grid[factor] for factor in free})
        for factor in free:
            if factor not in cell:
                raise RecipeError(f"design: the contained cell {cell} has no level of {factor!r}")
            if cell[factor] not in grid[factor]:
                raise RecipeError(
                    f"design: the contained cell {cell} has {factor} = {cell[factor]!r}, "
                    f"which is not in the grid: {list(grid[factor])}"
                )
    size, crossing = product_size(grid), product_size({name: grid[name] for name in design.crossed})
    if design.cells > size:
        raise RecipeError(f"design: {design.cells} cells of a grid that has only {size}")
    if design.cells % crossing:
        raise RecipeError(
            f"design: {design.cells} cells is no multiple of the {crossing} of the crossed factors"
        )
    if design.cells // crossing < len(design.contains):
        raise RecipeError(f"design: it contains more cells than {design.cells // crossing}")


def check_sample(sample: Sample, grid: Grid) -> None:
    """Refuse a sample that the grid cannot have.

    Raises:
        RecipeError: a factor is not in the grid, a factor of `pairs` has a single level, or there
            are not so many cells.
    """
    _check_factors("pairs", sample.pairs, grid)
    _check_factors("small_first", sample.small_first, grid)
    for factor in sample.pairs:
        if len(grid[factor]) < 2:
            raise RecipeError(f"sample: pairs cannot differ in {factor!r}, which has one level")
    size = product_size(grid)
    if sample.networks > size:
        raise RecipeError(f"sample: {sample.networks} networks of a grid that has only {size}")


def product_size(grid: Grid) -> int:
    """Number of cells of the whole grid; 1 for none."""
    size = 1
    for levels in grid.values():
        size *= len(levels)
    return size


def balanced_cells(design: Design, grid: Grid) -> list[Cell]:
    """The cells of a design, in the order of the grid.

    Counts of a factor's levels differ by at most one. From several seeded starts, levels are
    exchanged between cells as long as that makes pairs of levels more even (the sum of χ² over the
    pairs of factors falls); the best design is kept. Costs some tenths of a second at 100 cells,
    and grows with the square of their number.

    Raises:
        RecipeError: the contained cells have some level too often, or no such cells were found.

    >>> grid = {"width": [4, 8], "depth": [2, 3], "corruption": [0.0, 0.5]}
    >>> balanced_cells(Design(cells=4, crossed=("corruption",)), grid)[:2]
    [{'width': 4, 'depth': 2, 'corruption': 0.0}, {'width': 4, 'depth': 2, 'corruption': 0.5}]
    """
    crossed = {factor: grid[factor] for factor in design.crossed}
    count, factors = design.cells // product_size(crossed), len(grid) - len(crossed)
    # Each of the exchanges looks at all other factors.
    if (1 + 60 // count) * _SWEEPS * factors**2 * count**2 // 2 > _MOST_WORK:
        raise RecipeError(f"design: {count} cells of {factors} factors take too long to balance")
    free = {factor: list(grid[factor]) for factor in grid if factor not in crossed}
    fixed = [tuple(free[factor].index(cell[factor]) for factor in free) for cell in design.contains]
    sizes = [len(levels) for levels in free.values()]
    tries = [
        _exchanged(_start(fixed, count, free, f"{design.seed}:{start}"), len(fixed), sizes)
        for start in range(1 + 60 // count)
    ]
    missing, _, rows = min((count - len(set(rows)), cost, rows) for cost, rows in tries)
    if missing:
        raise RecipeError(f"design: no {design.cells} different cells found; ask for fewer")
    cells = []
    for row in rows:
        levels = {name: free[name][index] for name, index in zip(free, row, strict=True)}
        for chosen in itertools.product(*crossed.values()):
            levels.update(zip(crossed, chosen, strict=True))
            cells.append({factor: levels[factor] for factor in grid})
    return cells


def matched_pairs(sample: Sample, grid: Grid, identity: Callable[[Cell], str | None]) -> list[Cell]:
    """The cells of a sample, the two of a pair one after the other.

    Args:
        sample: how many, and how they are drawn.
        grid: factor → levels.
        identity: gives the same text for cells that are the same network; None for a cell that
            must not be drawn.

    Raises:
        RecipeError: there are not so many different networks of the wanted size.
    """
    cells: list[Cell] = []
    seen: set[str] = set()
    left = _ATTEMPTS + 10 * sample.networks
    for pair in range(sample.networks // 2):
        factor = sample.pairs[pair % len(sample.pairs)]
        for attempt in range(min(_ATTEMPTS, left)):
            left -= 1
            first, second = _pair(sample, grid, factor, f"{sample.seed}:{pair}:{attempt}")
            names = identity(first), identity(second)
            if None not in names and names[0] != names[1] and seen.isdisjoint(names):
                break
        else:
            raise RecipeError(
                f"sample: no more than {len(cells)} different networks of the wanted size found; "
                "ask for fewer, or for larger ones"
            )
        seen.update(name for name in names if name is not None)
        cells += [first, second]
    return cells


def _pair(sample: Sample, grid: Grid, factor: str, seed: str) -> tuple[Cell, Cell]:
    cell = {}
    for name, levels in grid.items():
        drawn, count = _number(f"{seed}:{name}"), len(levels)
        cell[name] = levels[_small(drawn, count) if name in sample.small_first else drawn % count]
    others = [level for level in grid[factor] if level != cell[factor]]
    other = others[_number(f"{seed}:other") % len(others)]
    return cell, {**cell, factor: other}


def _small(drawn: int, count: int) -> int:
    """An index below `count`, of which the first is `count` times as likely as the last."""
    ends = list(itertools.accumulate(range(count, 0, -1)))
    return bisect.bisect_right(ends, drawn % ends[-1])


def _start(fixed: list[_Row], count: int, free: Mapping[str, list[Any]], seed: str) -> list[_Row]:
    """The fixed rows, then rows of balanced columns, each column in its own seeded order."""
    columns = [
        _column(factor, levels, Counter(row[position] for row in fixed), count, f"{seed}:{factor}")
        for position, (factor, levels) in enumerate(free.items())
    ]
    drawn = zip(*columns, strict=True) if columns else [()] * (count - len(fixed))
    return [*fixed, *drawn]


def _column(
    factor: str, levels: list[Any], present: Counter[int], count: int, seed: str
) -> list[int]:
    """The levels to add to those present so that all are equally frequent, in seeded order."""
    least, more = divmod(count, len(levels))
    shuffled = _shuffled(range(len(levels)), f"{seed}:more")
    order = sorted(shuffled, key=lambda level: present[level] <= least)
    share = {level: least + (place < more) for place, level in enumerate(order)}
    for level, times in present.items():
        if times > share[level]:
            raise RecipeError(
                f"design: the contained cells have {factor} = {levels[level]!r} {times} times, "
                f"more than its share of {count} cells"
            )
    rest = [level for level in sorted(share) for _ in range(share[level] - present[level])]
    return _shuffled(rest, seed)


def _exchanged(rows: list[_Row], fixed: int, sizes: list[int]) -> tuple[int, list[_Row]]:
    """Unevenness and rows, sorted, after exchanges of levels between rows.

    The first `fixed` rows take no part.
    """
    table = [list(row) for row in rows]
    factors = range(len(sizes))
    pairs = [[[[0] * size for size in sizes] for _ in range(sizes[f])] for f in factors]
    for row in table:
        for f, g in itertools.permutations(factors, 2):
            pairs[f][row[f]][g][row[g]] += 1
    times = Counter(map(tuple, table))
    for _ in range(_SWEEPS):
        improved = False
        for f in factors:
            for a, b in itertools.combinations(table[fixed:], 2):
                if a[f] != b[f]:
                    improved |= _exchange(a, b, f, sizes, pairs, times)
        if not improved:
            break
    return _unevenness(sizes, pairs), sorted(map(tuple, table))


def _exchange(
    a: list[int],
    b: list[int],
    f: int,
    sizes: list[int],
    pairs: _Pairs,
    times: Counter[tuple[int, ...]],
) -> bool:
    """Exchange the levels of one factor between two rows if that makes the table better."""
    u, v = a[f], b[f]
    has, gets = pairs[f][u], pairs[f][v]
    others = [g for g in range(len(sizes)) if g != f and a[g] != b[g]]
    change = 0
    for g in others:
        x, y = a[g], b[g]
        change += sizes[g] * (gets[g][x] + has[g][y] - has[g][x] - gets[g][y] + 2)
    before = tuple(a), tuple(b)
    repeats = (times[before[0]] > 1) + (times[before[1]] > 1)
    if change >= 0 and not repeats:
        return False
    after = (*a[:f], v, *a[f + 1 :]), (*b[:f], u, *b[f + 1 :])
    fewer = repeats - (times[after[0]] > 0) - (times[after[1]] > 0)
    if fewer < 0 or (fewer == 0 and change >= 0):
        return False
    for g in others:
        for row, old, new in ((a, u, v), (b, v, u)):
            for level, step in ((old, -1), (new, 1)):
                pairs[f][level][g][row[g]] += step
                pairs[g][row[g]][f][level] += step
    times.subtract(before)
    times.update(after)
    a[f], b[f] = v, u
    return True


def _unevenness(sizes: list[int], pairs: _Pairs) -> int:
    """Sum over pairs of factors of levels × levels × Σ counts²: χ² up to constants."""
    return sum(
        sizes[f] * sizes[g] * sum(count * count for level in pairs[f] for count in level[g])
        for f, g in itertools.combinations(range(len(sizes)), 2)
    )


def _check_factors(where: str, factors: Any, grid: Grid) -> None:
    for factor in factors:
        lookup(factor, grid, f"factor in the grid (in {where!r})", RecipeError)


def _shuffled(items: Any, seed: str) -> list[Any]:
    numbered = list(enumerate(items))
    return [item for _, item in sorted(numbered, key=lambda pair: _number(f"{seed}:{pair[0]}"))]


def _number(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest(), "big")
