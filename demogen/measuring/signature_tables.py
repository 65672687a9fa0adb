"""Signatures of many measures as one table with flat names, and measurements out of one."""

import inspect
import warnings
from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, final

from demogen.errors import TableError
from demogen.format.table_files import read_table
from demogen.measuring.measurements import Measurements
from demogen.measuring.predictor import Measure, Predictor
from demogen.zoo.base import NetworkSet

if TYPE_CHECKING:
    import pandas as pd

NAMED = 5
"""Ids that a message names, at most."""

ERROR = ".se"
"""What stands behind a feature's name in that of its standard error."""


def measure_label(measure: Measure) -> str:
    """A measure's name, with the parameters that are not its defaults behind it in brackets."""
    defaults = {
        name: parameter.default
        for name, parameter in inspect.signature(type(measure).__init__).parameters.items()
    }
    changed = [
        f"{name}={value}"
        for name, value in sorted(measure.get_params().items())
        if repr(value) != repr(defaults.get(name))
    ]
    return f"{measure.name}({','.join(changed)})" if changed else measure.name


def signature_table(
    results: Iterable[Measurements], zoo: NetworkSet, target: str = "gap"
) -> "pd.DataFrame":
    """Signatures beside the target, a row for every network.

    Args:
        results: of `demogen.measure_all` on the zoo; equal measures make columns once.
        zoo: whose networks were measured.
        target: a column of its table.

    Returns:
        Index "id"; columns: the target, then "<measure>.<feature>"; NaN where a network was not
        measured. Where a sample of the images was measured, "<measure>.<feature>.se" stands behind
        each: its standard error, NaN where there is none.
    """
    import pandas as pd

    parts = {"": zoo.table[[target]]}
    for result in results:
        label = measure_label(result.measure)
        parts[label] = result.table.add_prefix(f"{label}.")
        if result.errors is not None:
            columns = list(parts[label].columns)
            beside = result.errors.add_prefix(f"{label}.").add_suffix(ERROR)
            both = [name for column in columns for name in (column, f"{column}{ERROR}")]
            parts[label] = pd.concat([parts[label], beside], axis=1)[both]
    table: pd.DataFrame = pd.concat(list(parts.values()), axis=1).loc[zoo.ids]
    return table.rename_axis("id")


def summary(name: str, result: Measurements) -> str:
    """What was measured for a predictor of this name, and the first reasons why not, in lines."""
    features = ", ".join(result.table.columns[:4]) or "no features"
    more = ", …" if len(result.table.columns) > 4 else ""
    failed = f", {len(result.failures)} not measured" if result.failures else ""
    reasons = [f"  {reason}" for reason in list(result.failures.values())[:3]]
    line = f"{name}: {len(result.table)} networks{failed} ({features}{more}){_errors_told(result)}"
    return "\n".join([line, *reasons])


def _errors_told(result: Measurements) -> str:
    """Of a sample of the images: how large standard errors are beside what networks differ by."""
    if result.errors is None:
        return ""
    told = []
    for feature in result.table.columns[:4]:
        error, spread = result.errors[feature].median(), result.table[feature].std()
        beside = f" ({error / spread:.2g} of its spread)" if spread > 0 else ""
        told.append(f"{feature} {error:.2g}{beside}" if error == error else f"{feature} none")
    return f"\n  on {result.image_limit} images; median standard errors: {', '.join(told)}"


def measurements_in(
    signatures: "pd.DataFrame | Path | str", predictors: Sequence[Predictor], zoo: NetworkSet
) -> list[Measurements]:
    """What measuring a zoo would give, out of a table of signatures.

    A feature's column is called "<measure>.<feature>", as `signature_table` and `demogen measure
    --csv` write it. Where a single measure is asked for, and none of its columns is called so, all
    columns of numbers that are no columns of the zoo's table are its features.

    Args:
        signatures: index or column "id"; or a CSV or Parquet file of it.
        predictors: the signatures of whose measures are taken.
        zoo: whose networks they are of; rows of other networks are not read.

    Raises:
        TableError: the file cannot be read, an id stands twice, no network of the zoo is in it, it
            has no column of a measure, a value is text, or a sample of the images was measured.
    """
    import pandas as pd

    where = "the table of signatures"
    if not isinstance(signatures, pd.DataFrame):
        where = str(signatures)
        signatures = read_table(signatures, "id")
    table = signatures.set_index("id") if "id" in signatures else signatures
    table = table.set_axis(table.index.map(str)).rename(columns=str)
    if twice := sorted(set(table.index[table.index.duplicated()])):
        raise TableError(f"{where}: {twice[0]} stands twice; give each network one row")
    missing = [id for id in zoo.ids if id not in table.index]
    if len(missing) == len(zoo):
        raise TableError(f"{where} has no network of {zoo.name}; its column `id` holds their ids")
    if missing:
        more = f" and {len(missing) - NAMED} more" if len(missing) > NAMED else ""
        warnings.warn(
            f"{where} has no signature of {len(missing)} of the {len(zoo)} networks of "
            f"{zoo.name}: {', '.join(missing[:NAMED])}{more}",
            RuntimeWarning,
            stacklevel=3,
        )
    rows = table.loc[sorted(set(zoo.ids) - set(missing))]
    read = _Rows(rows, missing, set(zoo.table.columns), where)
    single = len({measure_label(predictor.measure) for predictor in predictors}) == 1
    return [read.measurements(predictor, single) for predictor in predictors]


@final
@dataclass(frozen=True)
class _Rows:
    """Rows of a table of signatures: the networks of a zoo that it has.

    Attributes:
        table: index: sorted ids.
        missing: ids of the zoo that are not in it.
        others: columns that are no features by themselves.
        where: what it is, in messages.
    """

    table: "pd.DataFrame"
    missing: Sequence[str]
    others: Set[str]
    where: str

    def measurements(self, predictor: Predictor, single: bool) -> Measurements:
        measure = predictor.measure
        features = self.table[[]]
        if predictor.columns is None or predictor.columns:
            columns = self._columns(measure_label(measure), single)
            features = self.table[list(columns)].rename(columns=columns)
        for name, column in features.items():
            if column.dtype.kind not in "iufb" and not column.isna().all():
                raise TableError(
                    f"{self.where}: column {name!r} of {measure.name} holds text, no numbers"
                )
        features = features.astype("float64")
        measured = features.dropna(how="all") if len(features.columns) else features
        measured = measured.sort_index(axis=1).rename_axis("id")
        failures = dict.fromkeys(self.missing, f"not in {self.where}")
        without = features.index.difference(measured.index)
        failures |= dict.fromkeys(without, f"no value in {self.where}")
        return Measurements(
            measure.name, measure, measured, dict(sorted(failures.items())), {}, {}, {}
        )

    def _columns(self, label: str, single: bool) -> dict[str, str]:
        """Column → feature."""
        prefix = f"{label}."
        names = list(map(str, self.table.columns))
        columns = {name: name.removeprefix(prefix) for name in names if name.startswith(prefix)}
        if not columns and single:
            numeric = (name for name in names if self.table[name].dtype.kind in "iuf")
            columns = {name: name for name in numeric if name not in self.others}
        for name in columns:
            if f"{name}{ERROR}" in columns:
                raise TableError(
                    f"{self.where}: {name} is of a sample of the images, for {name}{ERROR} is its "
                    "standard error; give a table that was measured without --image-limit"
                )
        if columns:
            return columns
        named = sorted({name.partition(".")[0] for name in names if "." in name})[:NAMED]
        there = f"; there are columns of {', '.join(named)}" if named else ""
        raise TableError(
            f"{self.where} has no column {prefix}<feature> for the measure {label}{there}"
        )
