"""BibTeX of the papers that predictors come from, as installed packages offer it."""

from importlib.metadata import EntryPoint, entry_points

from demogen.errors import DemogenError

BIBLIOGRAPHY = "demogen.bibliography"
"""Entry-point group: a package's name → mapping of short names of papers to BibTeX entries.

The short names are those that `Predictor.paper` holds. The module should import little: making
pages loads it.
"""


def installed_bibliography() -> dict[str, str]:
    """Short name of a paper → its BibTeX entry, from all installed packages.

    Raises:
        DemogenError: a package's entries do not load, or two packages have different ones of a
            paper.
    """
    entries: dict[str, str] = {}
    for offer in _offers():
        for paper, bibtex in _loaded(offer).items():
            if entries.setdefault(paper, bibtex.strip()) != bibtex.strip():
                raise DemogenError(
                    f"two packages have different BibTeX entries of the paper {paper!r}, one of "
                    f"them {offer.value}; uninstall one"
                )
    return entries


def _offers() -> list[EntryPoint]:
    # The same distribution may be listed twice (an editable install beside its sources).
    offers = {offer.value: offer for offer in entry_points(group=BIBLIOGRAPHY)}
    return [offers[value] for value in sorted(offers)]


def _loaded(offer: EntryPoint) -> dict[str, str]:
    try:
        return {str(paper): str(bibtex) for paper, bibtex in offer.load().items()}
    except Exception as error:
        raise DemogenError(f"BibTeX entries of {offer.value} do not load: {error!r}") from error
