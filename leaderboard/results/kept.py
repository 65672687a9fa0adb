"""Results of an earlier run that scoring once more would give again: these are not made anew.

Beside the measurements lies a file for each zoo that tells of its result files: their sha256, the
digest of the regressor with all its code, and what was warned of. A result file holds as long as
its bytes are those, all that went into it is the same, versions included, and so is this package.
"""

import warnings
from collections.abc import Iterable, Mapping
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, final

from pydantic import ValidationError

from demogen.errors import ResultError, explain_os_error
from demogen.format.integrity import write_atomically
from demogen.measuring.libraries import sources_digest
from demogen.schema.frozen import Frozen
from leaderboard.results.result import Result, write_file

_PACKAGES = ("baselines", "demogen", "leaderboard")


class _Known(Frozen):
    """What is known of a result file."""

    sha256: str
    """Of its bytes."""
    regressor: str
    """`value_digest` of the regressor."""
    warned: tuple[str, ...]
    """Messages of the RuntimeWarnings while it was made."""


class _KnownOfZoo(Frozen):
    """What is known of the result files of a zoo."""

    code: str
    """`_code` that made them."""
    results: dict[str, _Known]
    """`Result.path` → what is known."""


@final
class KeptResults:
    """The result files below a folder.

    Args:
        folder: of result files.
        measurements: where this machine keeps what was measured.
    """

    def __init__(self, folder: Path, measurements: Path) -> None:
        self._folder = folder
        self._measurements = measurements
        self._known: dict[str, dict[str, _Known]] = {}
        self._made: dict[str, tuple[str, tuple[str, ...]]] = {}
        self._found: dict[str, str] = {}
        self._regressors: dict[int, tuple[object, str | None]] = {}

    def find(
        self, inputs: Mapping[str, Any], regressor: object
    ) -> tuple[Result, list[Warning]] | None:
        """The result that was made of these inputs, and what was warned of; None: there is none.

        Args:
            inputs: all fields of a result that scoring is given, by name.
            regressor: unfitted.
        """
        path = str(Result.model_construct(**inputs).path)
        known = self._known_of(inputs["zoo_digest"]).get(path)
        if known is None or known.regressor != self._digest(regressor):
            return None
        if (content := self._content(path, known.sha256)) is None:
            return None
        try:
            result = Result.from_json(content, path)
        except ResultError:
            return None
        if any(getattr(result, name) != value for name, value in inputs.items()):
            return None
        self._found[path] = known.sha256
        return result, [RuntimeWarning(message) for message in known.warned]

    def note(self, result: Result, regressor: object, warned: Iterable[Warning]) -> None:
        """Note that a result was made; what is known of it is kept when `write` writes it.

        One is made each time if other warnings came with it, or its regressor has no digest.
        """
        digest, messages = self._digest(regressor), list(warned)
        if digest is not None and all(type(one) is RuntimeWarning for one in messages):
            self._made[str(result.path)] = digest, tuple(map(str, messages))

    def write(self, results: Iterable[Result]) -> int:
        """Write the files of results, but for those that were found; how many were.

        Raises:
            ResultError: one cannot be written.
        """
        found = 0
        changes: dict[str, dict[str, _Known | None]] = {}
        for result in results:
            path = str(result.path)
            # Scoring the others may have taken hours, in which files are moved and removed.
            if path in self._found and self._content(path, self._found[path]) is not None:
                found += 1
                continue
            content = result.to_json()
            write_file(self._folder / path, content)
            known = None
            if path in self._made:
                regressor, warned = self._made[path]
                digest = sha256(content).hexdigest()
                known = _Known(sha256=digest, regressor=regressor, warned=warned)
            changes.setdefault(result.zoo_digest, {})[path] = known
        for zoo, of_zoo in changes.items():
            self._save(zoo, of_zoo)
        return found

    def _content(self, path: str, digest: str) -> bytes | None:
        """The bytes of a result file; None: it is gone, or its sha256 is another."""
        try:
            content = (self._folder / path).read_bytes()
        except OSError:
            return None
        return content if sha256(content).hexdigest() == digest else None

    def _save(self, zoo: str, changes: Mapping[str, _Known | None]) -> None:
        # Read again: another run may have added to it meanwhile.
        all_known = {**_read(self._file(zoo)), **changes}
        known = {path: one for path, one in sorted(all_known.items()) if one is not None}
        self._known[zoo] = known
        content = _KnownOfZoo(code=_code(), results=known)
        try:
            self._measurements.mkdir(parents=True, exist_ok=True)
            write_atomically(self._file(zoo), f"{content.model_dump_json()}\n".encode())
        except OSError as error:
            message = f"results will be made anew the next time: {explain_os_error(error)}"
            warnings.warn(message, RuntimeWarning, stacklevel=3)

    def _file(self, zoo: str) -> Path:
        # Not .json: measurements may lie among results, where such a file is taken for one.
        return self._measurements / f"results-{zoo[:12]}.jsonl"

    def _known_of(self, zoo: str) -> dict[str, _Known]:
        if zoo not in self._known:
            self._known[zoo] = _read(self._file(zoo))
        return self._known[zoo]

    def _digest(self, regressor: object) -> str | None:
        """None: something in it cannot be followed, so that nothing made with it is kept."""
        # Imports torch, which most that is done with results does not need.
        from demogen.measuring.code_digest import NotDigestibleError, value_digest

        if id(regressor) not in self._regressors:
            try:
                digest = value_digest(regressor, "the regressor")
            except NotDigestibleError:
                digest = None
            # With the object, so that no other gets its id.
            self._regressors[id(regressor)] = regressor, digest
        return self._regressors[id(regressor)][1]


def _read(file: Path) -> dict[str, _Known]:
    """What is known of result files; nothing if the file is missing, damaged or of other code."""
    try:
        known = _KnownOfZoo.model_validate_json(file.read_bytes(), strict=True)
    except (OSError, ValidationError):
        return {}
    return known.results if known.code == _code() else {}


@cache
def _code() -> str:
    """Hex sha256 over the sources of the packages that fit and score."""
    return sha256("".join(map(sources_digest, _PACKAGES)).encode()).hexdigest()
