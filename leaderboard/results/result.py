"""Results: what predictors scored on splits, with all that is needed to score them again."""

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self, final, overload

from pydantic import Field, ValidationError, model_validator

from demogen._util.limits import RESULT_COLUMNS, RESULT_FACTORS, RESULT_NETWORKS
from demogen._util.lookup import lookup
from demogen._util.parsing import UnreadableError, json_data
from demogen._util.text import one_line
from demogen.errors import ResultError, os_fault
from demogen.format.integrity import write_atomically
from demogen.format.splits import Kind
from demogen.measuring.measure_identity import MeasureIdentity, Name
from demogen.schema.frozen import Frozen, Sha256
from demogen.schema.records import first_fault
from leaderboard.results.agreement import check_folds, check_networks, check_signatures
from leaderboard.results.file_names import file_name
from leaderboard.results.folders import predictors_under, read_any, read_file, results_under
from leaderboard.results.origins import Origin
from leaderboard.results.packing import Only
from leaderboard.results.targets import TABLE, TARGETS
from leaderboard.scoring.inputs import (
    Count,
    Finite,
    FoldPredictions,
    JsonLevel,
    LinearModel,
    ScoreInputs,
)
from leaderboard.scoring.scores import NUMBERS, Scores, score

if TYPE_CHECKING:
    import pandas as pd

FORMAT = 3
"""Version of result files that is written and read."""

PUBLISHED = Path(__file__).parents[1] / "published"
"""Results published with this package."""


class Result(Frozen):
    """One predictor on one split of one zoo.

    All ids in it are of networks measured, except those in `dropped`. It is checked where it is
    made that its parts agree; whether its scores are true, `leaderboard.results.verification` says.
    """

    format_version: Literal[3] = 3
    predictor: Name
    measure: MeasureIdentity
    columns: Annotated[tuple[str, ...], Field(max_length=RESULT_COLUMNS)]
    """Features given to the regressor, in this order."""
    regressor: str
    paper: str
    summary: str
    access: str
    """What the measure reads beyond the weights."""
    zoo: Name
    zoo_digest: Sha256
    revision: str
    split: Name
    split_digest: Sha256
    split_kind: Kind
    target: Name
    test_images: Annotated[int, Field(ge=1)] | None
    """How many images each test accuracy is of, the fewest of the zoo's image sets; None where that
    is not known here, and where the target is no accuracy."""
    signatures: dict[str, tuple[Finite, ...]]
    """Id → values of `columns`."""
    targets: Annotated[dict[str, Finite], Field(max_length=RESULT_NETWORKS)]
    configurations: dict[str, Name]
    """Id → name shared by the copies of one configuration."""
    factors: Annotated[dict[str, dict[str, JsonLevel]], Field(max_length=RESULT_FACTORS)]
    """Factor in which networks of the zoo differ → id → level."""
    folds: Annotated[tuple[FoldPredictions, ...], Field(max_length=RESULT_NETWORKS)]
    skipped_folds: tuple[Count, ...]
    """Folds left without a measured network to test or to fit."""
    fit: dict[str, Finite]
    """Id → prediction of the regressor fitted on all measured networks."""
    model: LinearModel | None
    """The linear model of that fit; None for other regressors."""
    dropped: Annotated[dict[str, str], Field(max_length=RESULT_NETWORKS)]
    """Networks that could not be measured, or have no target: id → reason."""
    scores: Scores
    seconds: Annotated[Finite, Field(ge=0)] | None
    """Median time to measure one network; None if unknown."""
    epochs: Annotated[Finite, Field(ge=0)] | None
    """Median of that time as a part of one training epoch of the same network on the same machine;
    None if unknown."""
    versions: dict[str, str]
    """Packages that the numbers depend on."""

    @classmethod
    def scored(cls, **parts: Any) -> Self:
        """A result with the scores that follow from all other parts.

        Raises:
            ValueError: the parts do not agree.
        """
        unscored = cls.model_construct(**parts)
        return cls(scores=score(unscored.score_inputs()), **parts)

    @model_validator(mode="after")
    def _parts_agree(self) -> Self:
        if self.target not in TARGETS and self.access != TABLE:
            raise ValueError(f"a zoo has no target {self.target!r}")
        measured = set(self.targets)
        check_networks(
            {
                "signatures": self.signatures,
                "fit": self.fit,
                "configurations": self.configurations,
                **{f"factors.{name}": levels for name, levels in self.factors.items()},
            },
            measured,
            self.dropped,
        )
        check_signatures(self.signatures, self.columns)
        check_folds(self.folds, self.skipped_folds, self.split_kind, measured)
        return self

    @property
    def path(self) -> PurePosixPath:
        """Where the result is kept: <zoo>@<digest>/<split>/<target>/<predictor>.json."""
        zoo = f"{file_name(self.zoo)}@{self.zoo_digest[:12]}"
        split, target, name = map(file_name, (self.split, self.target, self.predictor))
        return PurePosixPath(zoo, split, target, f"{name}.json")

    def score_inputs(self) -> ScoreInputs:
        """What its scores follow from."""
        return ScoreInputs(
            kind=self.split_kind,
            folds=self.folds,
            fit=self.fit,
            targets=self.targets,
            parameters=self.model.rank if self.model else len(self.columns),
            columns=self.columns,
            signatures=self.signatures,
            configurations=self.configurations,
            factors=self.factors,
            test_images=self.test_images,
        )

    def to_json(self) -> bytes:
        """Canonical JSON: the same result always gives the same bytes."""
        content = json.dumps(
            self.model_dump(mode="json"), sort_keys=True, indent=1, allow_nan=False
        )
        return (content + "\n").encode()

    @classmethod
    def from_json(cls, text: bytes, source: str, content: Any = None) -> "Result":
        """Read a result back, its format version first.

        Args:
            text: the JSON.
            source: what to call it in errors.
            content: what the text holds, where `json_data` has read it already.

        Raises:
            ResultError: not JSON, another format version, or no result; the first fault is named.
        """
        try:
            content = json_data(text, finite=False) if content is None else content
        except UnreadableError as error:
            raise ResultError(f"{source}: no result: {error}") from error
        version = content.get("format_version") if isinstance(content, dict) else None
        if version is not None and (version != FORMAT or type(version) is not int):
            raise ResultError(
                f"{source}: a result of format version {one_line(str(version))[:9]}, but this "
                f"demogen reads {FORMAT}; evaluate again, or use the demogen that made it"
            )
        try:
            return cls.model_validate_json(text, strict=True)
        except ValidationError as error:
            raise ResultError(f"{source}: no valid result: {first_fault(error)}") from error


@final
class Results(Sequence[Result]):
    """Results of any predictors, zoos, splits and targets, in an order that does not change.

    Args:
        results: any number.
        origins: `Result.path` as text → where that result comes from, of those that were merged.

    Example:
        results = leaderboard.Results.read("results")
        results.select(split="kfold-10", predictor=["unit-sparsity", "mean-gap"]).to_frame()
    """

    def __init__(
        self, results: Iterable[Result] = (), origins: Mapping[str, Origin] | None = None
    ) -> None:
        self._results = tuple(results)
        self._origins = dict(origins or {})

    def origin(self, result: Result) -> Origin | None:
        """Who submitted a result and what of it was checked; None: it was not merged."""
        return self._origins.get(str(result.path))

    @classmethod
    def read(cls, folder: Path | str) -> "Results":
        """All results under a folder, in the order of their paths.

        Raises:
            ResultError: there are none, one is not valid, or one lies where another belongs.
        """
        return read_results(folder)

    def select(
        self,
        *,
        predictor: str | Iterable[str] | None = None,
        zoo: str | Iterable[str] | None = None,
        split: str | Iterable[str] | None = None,
        target: str | Iterable[str] | None = None,
    ) -> "Results":
        """The results of these names, in the order they stand in.

        Args:
            predictor: one name or several; None: all.
            zoo: likewise.
            split: likewise.
            target: likewise.

        Raises:
            ResultError: no result is of a name; near names are listed.
        """
        wanted = {"predictor": predictor, "zoo": zoo, "split": split, "target": target}
        results = self._results
        for part, names in wanted.items():
            if names is None:
                continue
            known = dict.fromkeys(getattr(result, part) for result in self._results)
            chosen = {names} if isinstance(names, str) else set(names)
            for name in sorted(chosen):
                lookup(name, known, f"result of a {part}", ResultError)
            results = tuple(result for result in results if getattr(result, part) in chosen)
        return Results(results, self._origins)

    def to_frame(self) -> "pd.DataFrame":
        """A table, one row a result.

        Returns:
            Columns `zoo`, `digest`, `target`, `split`, `predictor`, every score that is a number
            (NaN where it is not defined), `measured` and `dropped` (numbers of networks), and
            `claimed`: what nobody checked of a merged submission, "signatures, zoo, …", or "".
        """
        import pandas as pd

        names = ("zoo", "zoo_digest", "target", "split", "predictor")
        frame = pd.DataFrame(
            [[getattr(result, name) for name in names] for result in self._results],
            columns=["zoo", "digest", "target", "split", "predictor"],
        )
        for name in NUMBERS:
            values = [getattr(result.scores, name) for result in self._results]
            frame[name] = pd.Series(values, dtype="float64")
        frame["measured"] = pd.Series([len(r.targets) for r in self._results], dtype="int64")
        frame["dropped"] = pd.Series([len(r.dropped) for r in self._results], dtype="int64")
        origins = [self.origin(result) for result in self._results]
        claimed = [", ".join(origin.claimed) if origin else "" for origin in origins]
        frame["claimed"] = pd.Series(claimed, dtype="object")
        return frame

    @overload
    def __getitem__(self, place: int) -> Result: ...

    @overload
    def __getitem__(self, place: slice) -> "Results": ...

    def __getitem__(self, place: int | slice) -> "Result | Results":
        if isinstance(place, slice):
            return Results(self._results[place], self._origins)
        return self._results[place]

    def __len__(self) -> int:
        return len(self._results)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Results | list | tuple):
            return NotImplemented
        return self._results == tuple(other)

    def __hash__(self) -> int:
        return hash(tuple(result.path for result in self._results))

    def __repr__(self) -> str:
        counts = []
        for part in ("predictor", "zoo", "split", "target"):
            names = sorted({getattr(result, part) for result in self._results})
            counts.append(names[0] if len(names) == 1 else f"{len(names)} {part}s")
        return f"<{len(self)} Results: {', '.join(counts)}>"


def held_out(result: Result) -> dict[str, float]:
    """Id → out-of-fold prediction; choice: the mean of them where divisions hold it out often."""
    predictions: dict[str, list[float]] = {}
    for fold in result.folds:
        for network, prediction in zip(fold.ids, fold.predictions, strict=True):
            predictions.setdefault(network, []).append(prediction)
    # Divided first: the sum of a wild regressor's predictions may be no float.
    return {
        network: math.fsum(one / len(all_of) for one in all_of)
        for network, all_of in predictions.items()
    }


def write_result(result: Result, folder: Path | str) -> Path:
    """Write a result where it belongs under `folder`, whole or not at all; where it lies now.

    Raises:
        ResultError: the file cannot be written.
    """
    path = Path(folder) / result.path
    write_file(path, result.to_json())
    return path


def write_file(path: Path, content: bytes) -> None:
    """Write a file whole or not at all.

    Raises:
        ResultError: it cannot be written.
    """
    try:
        write_atomically(path, content)
    except OSError as error:
        raise ResultError(f"{path}: cannot be written: {os_fault(error)}") from error


def read_result(path: Path) -> Result:
    """Read one result file.

    Raises:
        ResultError: it cannot be read, or is not a valid result.
    """
    return read_file(path, Result.from_json)


def results_in(path: Path) -> Iterator[Result]:
    """The results in a file: one in a result file, one after the other in a packed one.

    Raises:
        ResultError: it cannot be read, or one of them is not valid.
    """
    return read_any(path, Result.from_json)


def read_results(folder: Path | str) -> Results:
    """All results under a folder, from result files and from packed ones, in the order of paths.

    Raises:
        ResultError: there are none, one is not valid, one lies where another belongs, or two that
            differ belong in one place.
    """
    folder = Path(folder)
    results = results_of(folder)
    if not results and folder == PUBLISHED:
        fault = "no results are published with this demogen"
        raise ResultError(f"{fault}; name a folder of your own with --results")
    if not results:
        raise ResultError(
            f"no results in {folder}; `demogen evaluate … --results {folder}` writes some"
        )
    return results


def results_of(folder: Path, only: Only | None = None) -> Results:
    """Those results under a folder that are wanted; there may be none.

    Args:
        folder: of results.
        only: such as {"predictor": {"unit-sparsity"}}; None: all.

    Raises:
        ResultError: one of them is not valid, lies where another belongs, or contradicts another.
    """
    origins: dict[str, Origin] = {}
    return Results(list(results_under(folder, Result.from_json, origins, only)), origins)


def predictors_of(folder: Path) -> set[str]:
    """Names of the predictors that there are results of under a folder.

    Raises:
        ResultError: a file there is not valid.
    """
    return predictors_under(folder, Result.from_json)
