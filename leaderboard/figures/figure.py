"""What a figure of a paper is: what it takes, and how it is drawn from that."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar, final

from demogen.errors import PredictorError, ZooError
from leaderboard.figures.style import check_format, rendered

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from leaderboard.figures.sources import Sources

Data = TypeVar("Data")


@final
@dataclass(frozen=True)
class PaperFigure(Generic[Data]):
    """A figure of a paper, redrawn.

    Gathering and painting are apart, so that what is drawn can be looked at as arrays.

    Attributes:
        name: unique, starting with the paper's short name.
        paper: short name of the paper.
        number: which of its figures, as text ("2 (middle), 3").
        title: what it shows, one line.
        needs: what it is drawn from, one line.
        gather: finds the arrays; raises a one-line error where something is missing.
        paint: fills an empty figure with them.
        from_results: result files are among what it is drawn from.
        most_predictors: how many predictors the reader may name in the place of the paper's.
        most_networks: how many networks the reader may choose; None: any number.
        of_fitted: it shows networks that fit their training set.
    """

    name: str
    paper: str
    number: str
    title: str
    needs: str
    gather: "Callable[[Sources], Data]"
    paint: "Callable[[Figure, Data], None]"
    from_results: bool = False
    most_predictors: int = 0
    most_networks: int | None = 0
    of_fitted: bool = False

    def draw(self, sources: "Sources", format: str) -> bytes:
        """The figure as the bytes of a file: the same sources, the same bytes.

        Args:
            sources: zoo and results to draw from.
            format: "png", "svg" or "pdf".

        Raises:
            PredictorError: more predictors are named than it shows.
            ZooError: more networks are chosen than it shows, no zoo is given where one is needed,
                it lacks what the figure shows, or a network cannot be measured.
            ResultError: there are no results of the predictors shown, or no such format.
        """
        check_format(format)
        if len(sources.predictors) > self.most_predictors:
            most = f"at most {self.most_predictors}" if self.most_predictors else "no"
            raise PredictorError(
                f"the figure {self.name} takes {most} predictors: it is drawn from {self.needs}"
            )
        if self.most_networks is not None and len(sources.networks) > self.most_networks:
            raise ZooError(
                f"the figure {self.name} shows one network; choose one with --network"
                if self.most_networks
                else f"the figure {self.name} shows no single networks; leave out --network"
            )
        data = self.gather(sources)
        return rendered(format, lambda figure: self.paint(figure, data))
