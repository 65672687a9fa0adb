from .catalog import FIGURES as FIGURES
from .catalog import find_figure as find_figure
from .figure import PaperFigure as PaperFigure
from .predicted_vs_true import predicted_against_true as predicted_against_true
from .sources import Sources as Sources
