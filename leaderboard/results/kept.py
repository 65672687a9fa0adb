"""Results of an earlier run that scoring once more would give again: these are not made anew.

Beside the measurements lies a file for each zoo that tells of its result files: their sha256, the
digest of the regressor with all its code, and what was warned of. A result file holds as long as
its bytes are those, all that went into it is the same, versions included, and so is this package.
"""

import warnings
from collections.abc import Iterable, Mapping
from functools import cache
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import Any, final

from pydantic import ValidationError

from demogen.errors import ResultError, explain_os_error
from demogen.format.integrity import write_atomically
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
        self._found: set[str] = set()
        self._regressors: dict[int, tuple[object, str | None]] = {}

    def find(
        self, inputs: Mapping[str, Any], regressor: object
    ) -> tuple[Result, list[Warning | str]] | None:
        """The result that was made of these inputs, and what was warned of; None: there is none.

        Args:
            inputs: all fields of a result that scoring is given, by name.
            regressor: unfitted.
        """
        path = str(Result.model_construct(**inputs).path)
        known = self._known_of(inputs["zoo_digest"]).get(path)
        if known is None or known.regressor != self._digest(regressor):
            return None
        try:
            content = (self._folder / path).read_bytes()
            if sha256(content).hexdigest() != known.sha256:
                return None
            result = Result.from_json(content, path)
        except (OSError, ResultError):
            return None
        if any(getattr(result, name) != value for name, value in inputs.items()):
            return None
        self._found.add(path)
        return result, [RuntimeWarning(message) for message in known.warned]

    def note(self, result: Result, regressor: object, warned: Iterable[Warning | str]) -> None:
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
        found, changed = 0, set()
        for result in results:
            path = str(result.path)
            if path in self._found:
                found += 1
                continue
            content = result.to_json()
            write_file(self._folder / path, content)
            known = self._known_of(result.zoo_digest)
            known.pop(path, None)
            if path in self._made:
                regressor, warned = self._made[path]
                digest = sha256(content).hexdigest()
                known[path] = _Known(sha256=digest, regressor=regressor, warned=warned)
            changed.add(result.zoo_digest)
        for zoo in sorted(changed):
            self._save(zoo)
        return found

    def _save(self, zoo: str) -> None:
        content = _KnownOfZoo(code=_code(), results=dict(sorted(self._known_of(zoo).items())))
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
    digest = sha256()
    for package in _PACKAGES:
        found = find_spec(package)
        assert found is not None
        assert found.origin is not None
        folder = Path(found.origin).parent
        for source in sorted(folder.rglob("*.py")):
            content = source.read_bytes()
            name = f"{package}/{source.relative_to(folder).as_posix()} {len(content)}\n"
            digest.update(name.encode() + content)
    return digest.hexdigest()
