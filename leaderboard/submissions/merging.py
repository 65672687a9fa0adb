"""Put a submission's results beside those already there."""

from pathlib import Path

from demogen.errors import SubmissionError
from leaderboard.results.result import write_file
from leaderboard.submissions.folder import RESULTS, Contents


def merge(contents: Contents, results: Path) -> list[Path]:
    """Copy result files where they belong; nothing is copied if one of them cannot be.

    Args:
        contents: a submission that was validated against these results.
        results: folder of result files.

    Returns:
        The files that are new; one that is there with the same content is left alone.

    Raises:
        SubmissionError: a file is there with other content.
        ResultError: a file cannot be written.
    """
    new: dict[Path, bytes] = {}
    for path, content in contents.files.items():
        if not path.startswith(f"{RESULTS}/"):
            continue
        target = results / path.removeprefix(f"{RESULTS}/")
        if target.is_symlink() or target.exists():
            if target.is_symlink() or not target.is_file() or target.read_bytes() != content:
                raise SubmissionError(
                    f"{target} is there with other content; remove it first, or refuse the "
                    "submission"
                )
        else:
            new[target] = content
    for target, content in new.items():
        write_file(target, content)
    return list(new)
