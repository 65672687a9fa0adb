"""Which rows of a table a condition in words of Python picks; it is parsed here and never run."""

import ast
import operator
import re
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NoReturn, final

from demogen._util.lookup import lookup
from demogen.errors import ZooError
from demogen.format.factors import code_levels, level_text

if TYPE_CHECKING:
    import pandas as pd

Row = Mapping[str, Any]

FEW_LEVELS = 12
"""Levels of a column that a message lists, at most."""

GRAMMAR = (
    "write comparisons of columns with numbers, 'words', None, True or False (==, !=, <, <=, >, "
    ">=, in (…), not in (…)), joined by and, or, not and brackets"
)

_ORDERED: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_QUOTED = re.compile(r"""'[^']*'|"[^"]*"|`([^`]+)`""")


def rows_where(condition: str, table: "pd.DataFrame", name: str) -> list[bool]:
    """For each row of a table, whether a condition holds.

    A column stands by its name; one whose name is no word of Python stands in backticks. A row that
    lacks a value (None) is less and greater than nothing.

    Args:
        condition: "width == 192 and corruption in (0, 0.2)", say.
        table: whose columns it names.
        name: of the table's zoo, in messages.

    Raises:
        ZooError: it is no such condition, names no column (near names are offered), or compares
            what has no order.

    >>> import pandas as pd
    >>> table = pd.DataFrame({"width": [64, 192], "weight decay": [0.0, None]})
    >>> rows_where("width > 100 and `weight decay` == None", table, "digits")
    [False, True]
    """
    selection = _Selection(condition, table, name)
    return [selection.holds(row) for row in _rows(table, selection.columns)]


def normalized(condition: str) -> str:
    """A condition as it is written in the name of a part: spaces and brackets do not matter.

    Raises:
        ZooError: it is no condition.
    """
    tree, named = _parsed(condition)
    text = ast.unparse(tree)
    for stand_in, column in named.items():
        text = text.replace(stand_in, f"`{column}`")
    return text


def levels_named(condition: str, table: "pd.DataFrame", name: str) -> str:
    """What the columns of a condition hold, where they have few levels; in words."""
    columns = _Selection(condition, table, name).columns
    held = []
    for column in columns:
        levels = [level_text(level) for level in code_levels(_values(table, column)).levels]
        if len(levels) <= FEW_LEVELS:
            held.append(f"{column} is {', '.join(levels)}")
    return "; ".join(held)


def _parsed(condition: str) -> tuple[ast.expr, dict[str, str]]:
    """The syntax tree, and names in it that stand for columns in backticks."""
    named: dict[str, str] = {}

    def stand_in(match: re.Match[str]) -> str:
        if match[1] is None:
            return match[0]
        name = f"column_{len(named)}_in_backticks"
        named[name] = match[1]
        return name

    try:
        tree = ast.parse(_QUOTED.sub(stand_in, condition.strip()), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        _refuse(condition, "cannot be read")
    return tree, named


@final
class _Selection:
    """A condition that was checked node by node; what is not known is refused."""

    def __init__(self, condition: str, table: "pd.DataFrame", name: str) -> None:
        self._condition, self._zoo = condition, name
        tree, self._named = _parsed(condition)
        self._known = dict.fromkeys(map(str, table.columns))
        self.columns: dict[str, None] = {}
        self.holds: Callable[[Row], bool] = self._condition_of(tree)

    def _condition_of(self, node: ast.expr) -> Callable[[Row], bool]:
        match node:
            case ast.BoolOp(op=ast.And(), values=nodes):
                parts = list(map(self._condition_of, nodes))
                return lambda row: all(part(row) for part in parts)
            case ast.BoolOp(op=ast.Or(), values=nodes):
                parts = list(map(self._condition_of, nodes))
                return lambda row: any(part(row) for part in parts)
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                inner = self._condition_of(operand)
                return lambda row: not inner(row)
            case ast.Compare(left=left, ops=ops, comparators=comparators):
                sides = [left, *comparators]
                pairs = [
                    self._comparison(op, sides[place], sides[place + 1])
                    for place, op in enumerate(ops)
                ]
                return lambda row: all(pair(row) for pair in pairs)
            case ast.Name() | ast.Attribute():
                value = self._value(node)
                return lambda row: value(row) is True
        self._refuse(node)

    def _comparison(self, op: ast.cmpop, left: ast.expr, right: ast.expr) -> Callable[[Row], bool]:
        one, other = self._value(left), self._value(right)
        match op:
            case ast.Eq() | ast.Is():
                return lambda row: bool(one(row) == other(row))
            case ast.NotEq() | ast.IsNot():
                return lambda row: bool(one(row) != other(row))
            case ast.In() | ast.NotIn():
                if not isinstance(right, ast.Tuple | ast.List | ast.Set):
                    self._refuse(right)
                inside = isinstance(op, ast.In)
                return lambda row: (one(row) in other(row)) == inside
        compare = _ORDERED[type(op)]

        def ordered(row: Row) -> bool:
            a, b = one(row), other(row)
            if a is None or b is None:
                return False
            try:
                return bool(compare(a, b))
            except TypeError as error:
                raise ZooError(
                    f"in {self._condition!r} {a!r} and {b!r} are compared, which have no order"
                ) from error

        return ordered

    def _value(self, node: ast.expr) -> Callable[[Row], Any]:
        match node:
            case ast.Constant(value=bool() | int() | float() | str() | None as value):
                return lambda row: value
            case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as value)):
                negative = -value
                return lambda row: negative
            case ast.Tuple(elts=elements) | ast.List(elts=elements) | ast.Set(elts=elements):
                values = list(map(self._value, elements))
                return lambda row: tuple(value(row) for value in values)
            case ast.Name() | ast.Attribute():
                column = self._column(node)
                return lambda row: row[column]
        self._refuse(node)

    def _column(self, node: ast.expr) -> str:
        parts = []
        inner = node
        while isinstance(inner, ast.Attribute):
            parts.append(inner.attr)
            inner = inner.value
        if not isinstance(inner, ast.Name):
            self._refuse(node)
        parts.append(self._named.get(inner.id, inner.id))
        column = ".".join(reversed(parts))
        try:
            lookup(column, self._known, f"column of {self._zoo}", ZooError)
        except ZooError as error:
            raise ZooError(f"{error} (words stand in quotes)") from error
        self.columns[column] = None
        return column

    def _refuse(self, node: ast.expr) -> NoReturn:
        _refuse(self._condition, f"has {ast.unparse(node)!r} in it")


def _refuse(condition: str, what: str) -> NoReturn:
    raise ZooError(f"the condition {condition!r} {what}; {GRAMMAR}")


def _values(table: "pd.DataFrame", column: str) -> list[Any]:
    values = table[column]
    gone = values.isna().tolist()
    plain: Iterator[Any] = (
        None if none else value for value, none in zip(values.tolist(), gone, strict=True)
    )
    return [tuple(value) if hasattr(value, "__array__") else value for value in plain]


def _rows(table: "pd.DataFrame", columns: Mapping[str, None]) -> Iterator[Row]:
    if not columns:
        yield from ({} for _ in range(len(table)))
        return
    for row in zip(*(_values(table, column) for column in columns), strict=True):
        yield dict(zip(columns, row, strict=True))
