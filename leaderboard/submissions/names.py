"""A predictor's name belongs to one predictor: it must not look like another's."""

from collections.abc import Iterable

from demogen._util.lookalikes import INVISIBLE, appearance
from demogen.errors import SubmissionError


def check_name(name: str, known: Iterable[str]) -> None:
    """A name shows all its signs, and looks like no other that is known.

    Args:
        name: of the predictor that is submitted; one that is known itself is no fault here.
        known: names of the predictors installed here and of those that there are results of.

    Raises:
        SubmissionError: it holds signs that show nothing, begins or ends with a blank, or looks
            like another (see `demogen._util.lookalikes.appearance`).
    """
    if INVISIBLE.search(name) or name != name.strip() or not appearance(name):
        raise SubmissionError(
            f"the predictor's name {name!a} holds signs that show nothing; write it without them"
        )
    if other := look_alike(name, known):
        raise SubmissionError(
            f"the predictor's name {name!a} looks like {other!r}, which is another predictor's; "
            "choose another name"
        )


def look_alike(name: str, known: Iterable[str]) -> str | None:
    """The first known name that looks like this one without being it; None: none does.

    Names with parameters, "normalized-loss(p=1)" say, belong to the name before the bracket: where
    that is the same, the whole is compared, else what stands before the brackets.
    """
    base, looks = _base(name), appearance(name)
    for other in known:
        if _base(other) == base:
            if other != name and appearance(other) == looks:
                return other
        elif _base(appearance(other)) == _base(looks):
            return other
    return None


def _base(name: str) -> str:
    return name.partition("(")[0]
