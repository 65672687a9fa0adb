"""Whether results may be written beside packed ones: two that differ cannot be read together."""

import json
from collections.abc import Iterable
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
        predictors = {predictor for _, _, predictor in new}
        for _, content in packed_texts(path, {"predictor": predictors}):
            place = content["split"], content["target"], content["predictor"]
            if place in new and json.loads(new[place].to_json()) != content:
                split, target, predictor = place
                raise ResultError(
                    f"{path} holds another result of {predictor} on {split}, {target}; name "
                    "another folder, or remove that file"
                )
