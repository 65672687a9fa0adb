"""Recipes in words: the list of collections, and all that one of them says."""

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from zoo_recipes.designs import product_size
from zoo_recipes.recipe import Recipe
from zoo_recipes.rules import Rule

if TYPE_CHECKING:
    import pandas as pd

WIDTH = 100
"""Columns of a terminal that every line fits in."""

RATE = 10e12
"""Floating-point operations a second for which hours of training are given."""

_LEVELS_WIDTH, _COUNTS_WIDTH = 48, 32

_SPACE = "\N{NO-BREAK SPACE}"
"""Within a setting, so that no line ends there; printed as a plain space."""


def recipe_table(recipes: Iterable[Recipe]) -> "pd.DataFrame":
    """A row a recipe, in the order of the papers: how many networks, and what they are."""
    import pandas as pd

    rows = [
        {
            "recipe": recipe.name,
            "networks": recipe.count,
            "paper": recipe.paper.key,
            "summary": recipe.summary,
            "title": recipe.paper.title,
        }
        for recipe in sorted(recipes, key=lambda recipe: (recipe.paper.key, recipe.name))
    ]
    return pd.DataFrame(rows).set_index("recipe")


def describe(recipe: Recipe) -> str:
    """What varies and what is fixed, the choices, the paper's own results, what training costs.

    Every network's architecture is looked at, which takes seconds for thousands of networks.
    """
    further = "further " if recipe.count > len(recipe.extra) * recipe.copies else ""
    parts = [
        [
            *_wrapped(f"{recipe.name}: {recipe.summary}", ""),
            *_wrapped(recipe.paper.title, "  "),
            *_wrapped(f"{recipe.paper.key}, {recipe.paper.section}", "  "),
        ],
        [_counts(recipe), *_grid(recipe)],
        *([[f"{further}configurations", *_extras(recipe)]] if recipe.extra else []),
        ["fixed settings", *_fixed(recipe)],
        *([["settings that follow", *map(_rule, recipe.when)]] if recipe.when else []),
        *([["choices", *_choices(recipe)]] if recipe.choices else []),
        *([["variants", *_variants(recipe)]] if recipe.variants else []),
        *([["printed in the paper", *_printed(recipe)]] if recipe.printed_results else []),
        ["cost", *_cost(recipe)],
    ]
    return "\n\n".join("\n".join(part) for part in parts)


def _counts(recipe: Recipe) -> str:
    cells = recipe.count // recipe.copies - len(recipe.extra)
    whole = f"{product_size(recipe.grid):,}"
    what = []
    if recipe.design is not None:
        what.append(f"a balanced design of {cells:,} of the {whole} configurations")
    elif recipe.sample is not None:
        what.append(f"a sample of {cells // 2:,} matched pairs of the {whole} configurations")
    elif len(recipe.grid) > 1:
        sizes = " x ".join(str(len(levels)) for levels in recipe.grid.values())
        what.append(f"all {whole} configurations ({sizes})")
    elif cells:
        what.append(f"{cells} configuration{_plural(cells)}")
    if recipe.extra:
        further = "further" if cells else f"configuration{_plural(len(recipe.extra))}"
        what.append(f"{len(recipe.extra)} {further}")
    copies = f", {recipe.copies} copies each" if recipe.copies > 1 else ""
    return f"{recipe.count:,} network{_plural(recipe.count)}: {' and '.join(what)}{copies}"


def _plural(count: int) -> str:
    return "" if count == 1 else "s"


def _grid(recipe: Recipe) -> list[str]:
    """Factors, their levels, and how many networks have each of them."""
    rows = [("factor", "levels", "networks each")] if recipe.grid else []
    settings = [spec.factors() for spec in recipe.networks()]
    for factor, levels in recipe.grid.items():
        of_networks = [_text(row[factor]) for row in settings if factor in row]
        distinct = list(dict.fromkeys([*map(_text, levels), *of_networks]))
        rows += _rows(factor, distinct, [f"{of_networks.count(level):,}" for level in distinct])
    widths = [max(map(len, column)) + 2 for column in zip(*rows, strict=True)]
    return ["  " + "".join(map(str.ljust, row, widths)).rstrip() for row in rows]


def _rows(factor: str, levels: list[str], counts: list[str]) -> list[tuple[str, str, str]]:
    """One row, or several where there are many levels; counts stand beside their levels."""
    same = len(set(counts)) == 1
    rows: list[tuple[str, str, str]] = []
    start = 0
    for stop in range(1, len(levels) + 1):
        more = ", ".join(levels[start : stop + 1]), ", ".join(counts[start : stop + 1])
        fits = len(more[0]) <= _LEVELS_WIDTH and (same or len(more[1]) <= _COUNTS_WIDTH)
        if fits and stop < len(levels):
            continue
        numbers = counts[:1] if same and start == 0 else [] if same else counts[start:stop]
        row = factor if start == 0 else "", ", ".join(levels[start:stop]), ", ".join(numbers)
        rows.append(row)
        start = stop
    return rows


def _extras(recipe: Recipe) -> list[str]:
    lines = []
    for extra in recipe.extra:
        name = f"{extra.label}: " if extra.label else ""
        lines += _wrapped(name + (_assignments(extra.levels) or "the fixed settings"), "  ")
    return lines


def _fixed(recipe: Recipe) -> list[str]:
    lines = []
    for section in ("architecture", "data", "training"):
        stated = getattr(recipe, section).items()
        settings = {name: value for name, value in stated if name not in recipe.grid}
        text = f"{section:14}{_assignments(settings) or 'defaults'}"
        lines += _wrapped(text, "  ", " " * 16)
    return lines


def _rule(rule: Rule) -> str:
    text = f"where {_assignments(rule.levels)}: {_assignments(rule.settings)}"
    return "\n".join(_wrapped(text, "  "))


def _choices(recipe: Recipe) -> list[str]:
    return [line for choice in recipe.choices for line in _wrapped(choice, "  - ", "    ")]


def _variants(recipe: Recipe) -> list[str]:
    lines = []
    for name, variant in recipe.variants.items():
        lines += _wrapped(f"{name}: {variant.summary}", "  ")
        if variant.settings:
            lines += _wrapped(_assignments(variant.settings), "    ")
        lines += [f"  {_rule(rule)}" for rule in variant.when]
        lines += [
            line for choice in variant.choices for line in _wrapped(choice, "    - ", "      ")
        ]
    return lines


def _printed(recipe: Recipe) -> list[str]:
    """Rows that share a statistic stand in one table."""
    tables: list[tuple[list[str], dict[str, Mapping[str, float]]]] = []
    for name, row in recipe.printed_results.items():
        table = next((table for table in tables if set(table[0]) & set(row)), None)
        if table is None:
            table = ([], {})
            tables.append(table)
        table[0].extend(statistic for statistic in row if statistic not in table[0])
        table[1][name] = row
    lines: list[str] = []
    for statistics, rows in tables:
        columns = [_column([row.get(name) for row in rows.values()]) for name in statistics]
        cells = [["", *statistics], *(list(line) for line in zip(rows, *columns, strict=True))]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        lines += [""] if lines else []
        for first, *others in cells:
            numbers = "".join(
                f"  {cell:>{width}}" for cell, width in zip(others, widths[1:], strict=True)
            )
            lines.append(f"  {first:{widths[0]}}{numbers}")
    return lines


def _column(values: Sequence[float | None]) -> list[str]:
    """Numbers with as many decimals as the one that has most; where some are tiny, as they are."""
    texts = [f"{value:g}" for value in values if value is not None]
    tiny = any("e" in text for text in texts)
    decimals = 0 if tiny else max(len(text.partition(".")[2]) for text in texts)
    return [
        "-" if value is None else f"{value:g}" if tiny else f"{value:.{decimals}f}"
        for value in values
    ]


def _cost(recipe: Recipe) -> list[str]:
    # Only here, not at the top: a list of recipes needs no torch.
    from zoo_recipes.costs import plan_cost

    cost = plan_cost(recipe.networks())
    return [
        f"  weights on disk   {in_units(cost.bytes, 'B')}",
        f"  training          at most {in_units(cost.operations, 'FLOP')}, "
        f"{duration(cost.operations / RATE)} at {in_units(RATE, 'FLOP')}/s",
    ]


def in_units(amount: float, unit: str) -> str:
    """An amount to three digits with a decimal prefix.

    >>> in_units(1_896_653_736, "B"), in_units(3.107e18, "FLOP"), in_units(12, "B")
    ('1.9 GB', '3.11 EFLOP', '12 B')
    """
    for prefix in ("", "k", "M", "G", "T", "P", "E"):
        if amount < 999.5 or prefix == "E":
            break
        amount /= 1000
    return f"{amount:.3g} {prefix}{unit}"


def duration(seconds: float) -> str:
    """A length of time in words, rounded.

    >>> duration(30), duration(1800), duration(310_700), duration(4_420_000)
    ('less than a minute', 'about 30 minutes', 'about 86 hours', 'about 51 days')
    """
    if seconds < 60:
        return "less than a minute"
    for unit, length, most in (("minute", 60, 120), ("hour", 3600, 96)):
        if seconds < most * length:
            count = round(seconds / length)
            return f"about {count} {unit}{_plural(count)}"
    return f"about {seconds / 86_400:.0f} days"


def _assignments(settings: Mapping[str, Any]) -> str:
    parts = [f"{name} = {_text(value)}" for name, value in settings.items()]
    # A list of layers is longer than a line: it may end anywhere in it.
    return ", ".join(
        part.replace(" ", _SPACE) if len(part) < WIDTH // 2 else part for part in parts
    )


def _text(value: Any) -> str:
    """A level or setting in words.

    >>> _text(True), _text([]), _text(["crop", "flip"]), _text((16, 16)), _text(0.0)
    ('true', 'none', 'crop+flip', '[16, 16]', '0')
    >>> _text([{"kind": "conv", "out": 8, "kernel": [3, 2]}, {"kind": "flatten"}])
    '[conv out=8 kernel=[3, 2], flatten]'
    """
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list | tuple):
        if all(isinstance(item, str) for item in value):
            return "+".join(value) or "none"
        return "[" + ", ".join(map(_text, value)) + "]"
    if isinstance(value, dict):
        return " ".join(
            _text(item) if key == "kind" else f"{key}={_text(item)}" for key, item in value.items()
        )
    return str(value)


def _wrapped(text: str, indent: str, further: str | None = None) -> list[str]:
    lines = textwrap.wrap(
        text,
        WIDTH,
        initial_indent=indent,
        subsequent_indent=" " * (len(indent) + 2) if further is None else further,
        break_on_hyphens=False,
    )
    return [line.replace(_SPACE, " ") for line in lines]
