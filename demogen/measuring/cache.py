"""Signatures kept between runs: a file of JSON lines a measure, only ever appended to."""

import re
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import final

from demogen.errors import explain_os_error, naming
from demogen.format.columns import LATER, is_default
from demogen.format.integrity import sync_file
from demogen.measuring.cache_lines import Outcome as Outcome
from demogen.measuring.cache_lines import line_of, read_lines, told_line
from demogen.measuring.code_digest import code_digest
from demogen.measuring.predictor import Measure
from demogen.networks.network import Access
from demogen.schema.records import Frozen, NetworkRecord, canonical_json, sha256


def measure_key(measure: Measure) -> str:
    """What decides a measure's numbers: its name, version and a digest of code and parameters.

    All code that it runs is part of it, so that a measure changed while it is being developed is
    computed again even if nobody raised its version.

    Raises:
        NotDigestibleError: something that it refers to has no digest; what it gives cannot be kept.
    """
    safe = re.sub(r"[^a-z0-9-]+", "-", measure.name.lower())
    return f"{safe}-v{measure.version}-{code_digest(measure)[:12]}"


def network_key(
    record: NetworkRecord,
    image_sets: Mapping[str, str],
    access: Access,
    image_limit: int | None = None,
    siblings: Sequence[NetworkRecord] = (),
) -> str:
    """Digest of all that a measure with this access can read of a network.

    Args:
        record: of the network.
        image_sets: name → digest.
        access: what the measure reads beyond the weights.
        image_limit: how many images it reads of more; None: all.
        siblings: the other networks of its configuration, which count where the measure reads them.
    """
    content: dict[str, object] = {"weights": record.weights_sha256}
    content["architecture"] = _settings(record.spec.architecture)
    if access & (Access.TRAIN | Access.TEST_INPUTS):
        content["images"] = image_sets.get(record.spec.data.images)
        content["data"] = _settings(record.spec.data)
        content["labels"] = record.labels
        if image_limit is not None:
            content["image_limit"] = image_limit
    if Access.INITIAL in access:
        content["initial"] = record.initial_sha256
    if Access.SPEC in access:
        content["spec"] = record.spec.canonical()
    if Access.SIBLINGS in access:
        content["siblings"] = [each.weights_sha256 for each in siblings]
    return sha256(canonical_json(content).encode())[:32]


def _settings(part: Frozen) -> dict[str, object]:
    """Of a spec. An option that came later and has its default is left out: old keys stay."""
    settings = part.model_dump(mode="json")
    return {
        name: value
        for name, value in settings.items()
        if not (name in LATER and is_default(name, value))
    }


@final
class SignatureCache:
    """Outcomes of one measure by network key; `folder` None keeps nothing.

    A line is a checksum and an outcome (see `demogen.measuring.cache_lines`). Damaged lines are
    passed over, so that their networks are measured again, and told of once, by a RuntimeWarning.
    """

    def __init__(self, folder: Path | None, key: str) -> None:
        self._file = folder / f"{key}.jsonl" if folder else None
        self._known: dict[str, Outcome] = {}
        try:
            if self._file is not None and self._file.exists():
                self._read(self._file)
        except OSError as error:
            self._give_up(error)

    def get(self, network: str) -> Outcome | None:
        """What is known of a network, or None."""
        return self._known.get(network)

    def put(self, network: str, outcome: Outcome) -> None:
        """Keep an outcome; on disk when this returns.

        Where nothing can be written, a RuntimeWarning says so once, and nothing is kept any more.
        """
        self._append([line_of(network, outcome)])

    def _read(self, file: Path) -> None:
        lines = read_lines(file)
        self._known = lines.outcomes
        if fresh := lines.damaged - lines.told:
            count = f"{fresh} lines are" if fresh > 1 else "a line is"
            warnings.warn(
                f"{file}: {count} damaged; what was kept there is measured again",
                RuntimeWarning,
                stacklevel=4,
            )
        # Those of older versions have no checksum; from now on they do.
        again = [line_of(network, self._known[network]) for network in sorted(lines.unchecked)]
        if fresh or again:
            self._append([*again, *([told_line(lines.damaged)] if fresh else [])])

    def _append(self, lines: list[str]) -> None:
        if self._file is None:
            return
        # A line cut short by a crash must not swallow the next one.
        text = "\n" + "\n".join(lines) + "\n"
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with naming(self._file), self._file.open("a", encoding="utf-8") as file:
                file.write(text)
                sync_file(file)
        except OSError as error:
            self._give_up(error)

    def _give_up(self, error: OSError) -> None:
        self._file = None
        warnings.warn(
            f"measurements are not kept: {explain_os_error(error)}", RuntimeWarning, stacklevel=4
        )
