"""Lines of a file of kept signatures: a checksum and an outcome, so that damage is found out."""

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from demogen._util.parsing import UnreadableError, json_data
from demogen.schema.records import sha256

_CHECKSUM = 16
"""Hex digits of the sha256 of what follows."""

_TOLD = re.compile(r"# damaged lines told of: (\d{1,9})")


@dataclass(frozen=True)
class Outcome:
    """A signature, or the reason why there is none.

    Attributes:
        signature: feature → value, or None.
        reason: why there is no signature, or None.
        seconds: what computing it took.
        fault: whether an error of the measure or the zoo is the reason; it is not kept.
        epoch_seconds: what a training epoch of the network took in the same process (see
            `demogen.measuring.epoch_cost`); None: not known.
        share_seconds: its part of the seconds that all measures took that ran together, where what
            several of them needed is shared evenly; None: not known.
        errors: feature → its standard error, where a sample of the images was measured; None: all
            images were.
    """

    signature: dict[str, float] | None
    reason: str | None
    seconds: float
    fault: bool = False
    epoch_seconds: float | None = None
    share_seconds: float | None = None
    errors: dict[str, float] | None = None


@dataclass
class Lines:
    """What a file holds.

    Attributes:
        outcomes: by network key; a later line wins over an earlier one.
        unchecked: keys of those whose only lines have no checksum, as older versions wrote them.
        damaged: how many lines are none.
        told: of how many of them the user was told before.
    """

    outcomes: dict[str, Outcome] = field(default_factory=dict)
    unchecked: set[str] = field(default_factory=set)
    damaged: int = 0
    told: int = 0


def line_of(network: str, outcome: Outcome) -> str:
    """The line of an outcome, without the line's end."""
    times = [outcome.seconds, outcome.epoch_seconds, outcome.share_seconds]
    # Lines of all images are those that versions without samples read, too.
    errors = [] if outcome.errors is None else [outcome.errors]
    content = json.dumps(
        [network, outcome.signature, outcome.reason, *times, *errors], allow_nan=False
    )
    return f"{_checksum(content)} {content}"


def told_line(damaged: int) -> str:
    """A line that says that the user was told of so many damaged lines."""
    return f"# damaged lines told of: {damaged}"


def read_lines(file: Path) -> Lines:
    """The outcomes in a file.

    A line without a checksum is taken if it is an outcome otherwise. A damaged line is not taken
    for such a one: it begins with its checksum, or with what is left of it.

    Raises:
        OSError: it cannot be read.
    """
    lines = Lines()
    for line in file.read_text("utf-8", "replace").split("\n"):
        if not line.strip():
            continue
        if told := _TOLD.fullmatch(line):
            lines.told = max(lines.told, int(told[1]))
            continue
        has_checksum = not line.startswith("[")
        if has_checksum:
            checksum, content = line[:_CHECKSUM], line[_CHECKSUM + 1 :]
            entry = _entry(content) if checksum == _checksum(content) else None
        else:
            entry = _entry(line)
        if entry is None:
            lines.damaged += 1
            continue
        network, outcome = entry
        if has_checksum:
            lines.unchecked.discard(network)
        elif network not in lines.outcomes:
            lines.unchecked.add(network)
        elif network not in lines.unchecked:
            continue
        lines.outcomes[network] = outcome
    return lines


def _entry(content: str) -> tuple[str, Outcome] | None:
    try:
        network, signature, reason, seconds, *later = json_data(content)
    except (UnreadableError, ValueError, TypeError):
        return None
    if len(later) > 3:
        return None
    # Caches of older versions hold no seconds of an epoch, or no share.
    epoch, share, errors = [*later, None, None, None][:3]
    entry = Outcome(
        signature, reason, seconds, epoch_seconds=epoch, share_seconds=share, errors=errors
    )
    return (network, entry) if _is_one(network, entry) else None


def _is_one(network: Any, outcome: Outcome) -> bool:
    signature, reason = outcome.signature, outcome.reason
    if signature is None:
        said = isinstance(reason, str) and outcome.errors is None
    else:
        said = reason is None and _are_numbers(signature)
        said = said and (outcome.errors is None or _are_numbers(outcome.errors))
    later = [outcome.epoch_seconds, outcome.share_seconds]
    times = [outcome.seconds, *(seconds for seconds in later if seconds is not None)]
    return isinstance(network, str) and said and all(map(_is_number, times))


def _are_numbers(values: Any) -> bool:
    return isinstance(values, dict) and all(map(_is_number, values.values()))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _checksum(content: str) -> str:
    return sha256(content.encode())[:_CHECKSUM]
