"""Whether results may be written beside packed ones: two that differ cannot be read together."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from demogen.errors import ResultError
from leaderboard.results.folders import packed_name, packed_texts
from leaderboard.results.result import Result


def check_places(results: Iterable[Result], folder: Path) -> None:
    """Nothing packed in a folder differs from a result that is to be written there.

    Args:
        results: to be written.
        folder: of results.

    Raises:
        ResultError: a packed result does, or packed results cannot be read.
    """
    by_file: dict[Path, dict[tuple[str, str, str], Result]] = {}
    for result in results:
        place = result.split, result.target, result.predictor
        by_file.setdefault(folder / packed_name(result), {})[place] = result
    for path, new in by_file.items():
        if not path.is_file():
            continue
        for place, text in _places(path):
            if place in new and json.loads(new[place].to_json()) != json.loads(text):
                split, target, predictor = place
                raise ResultError(
                    f"{path} holds another result of {predictor} on {split}, {target}; name "
                    "another folder, or remove that file"
                )


def _places(path: Path) -> Iterator[tuple[tuple[str, str, str], str]]:
    """Split, target and predictor of each result that is packed in a file, and its text."""
    for text in packed_texts(path):
        content = json.loads(text)
        yield (content["split"], content["target"], content["predictor"]), text
