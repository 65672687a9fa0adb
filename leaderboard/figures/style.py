"""One style for all figures: colors for any color vision, plain fonts, the same bytes each time."""

import io
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from demogen.errors import ResultError
from leaderboard.scoring.metrics import Vector

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

# Okabe and Ito's palette, told apart with any color vision, without its black and its yellow.
BLUE, VERMILION, GREEN, PURPLE, SKY, ORANGE = COLORS = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#CC79A7",
    "#56B4E9",
    "#E69F00",
)
MARKERS = ("o", "^", "s", "D", "v", "P")
LINES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 1)))
GRAY, PALE = "0.45", "0.85"
GRADUAL = "cividis"
"""Colors of a number: lightness grows along them, so that they are ordered in print too."""

OTHER = "other"

STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",  # comes with matplotlib
    "font.size": 10,
    "figure.titlesize": 11,
    "figure.labelsize": 11,
    "text.parse_math": False,  # a name may hold a dollar sign
    "axes.titlesize": 10,
    "axes.labelsize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.formatter.limits": (-3, 5),
    "legend.frameon": False,
    "legend.fontsize": 9,
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "lines.linewidth": 1.5,
    "figure.constrained_layout.use": True,
    "figure.constrained_layout.w_pad": 0.07,
    "figure.constrained_layout.h_pad": 0.07,
    "figure.constrained_layout.wspace": 0.05,
    "svg.hashsalt": "demogen",  # else the ids in an SVG differ each time
    "savefig.dpi": 160,
}

# Dates and versions in the metadata would make other bytes of the same figure.
_METADATA: dict[str, dict[str, Any]] = {
    "png": {"Software": None},
    "svg": {"Date": None, "Creator": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}


def check_format(format: str) -> None:
    """Refuse a format that no figure has.

    Raises:
        ResultError: it is none of png, svg and pdf.
    """
    if format not in _METADATA:
        raise ResultError(f"no figure format {format!r}; end the file name in .png, .svg or .pdf")


def rendered(format: str, paint: "Callable[[Figure], None]") -> bytes:
    """A figure as the bytes of a file; the same figure always gives the same bytes.

    Args:
        format: "png", "svg" or "pdf".
        paint: sets the size of the empty figure given to it, and fills it.

    Raises:
        ResultError: another format.
    """
    check_format(format)
    from matplotlib import style
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    # What a reader's own matplotlibrc sets has no place in it.
    with style.context(["default", STYLE]):
        figure = Figure()
        FigureCanvasAgg(figure)
        paint(figure)
        content = io.BytesIO()
        figure.savefig(content, format=format, metadata=_METADATA[format])
    return content.getvalue()


def decades(axis: "Axis", ticks: int = 5) -> None:
    """Make an axis logarithmic over what is drawn on it by now, labelled 10⁻³ or 0.02.

    Args:
        axis: whose limits are final.
        ticks: how many labels there is room for.
    """
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter

    if axis is axis.axes.xaxis:
        axis.axes.set_xscale("log")
    else:
        axis.axes.set_yscale("log")
    low, high = sorted(axis.get_view_interval())
    axis.set_major_locator(FixedLocator(log_ticks(low, high, ticks)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: power(value)))
    axis.set_minor_formatter(NullFormatter())


def log_ticks(low: float, high: float, most: int) -> list[float]:
    """Round numbers from low to high that stand apart on a logarithmic axis, at most so many.

    >>> log_ticks(0.3, 0.9, 5), log_ticks(0.5, 2e6, 4)
    ([0.3, 0.5, 0.7], [1.0, 100.0, 10000.0, 1000000.0])
    """
    from matplotlib.ticker import LogLocator, MaxNLocator

    def inside(ticks: "Iterable[float]") -> list[float]:
        rounded = sorted({float(f"{tick:.6g}") for tick in ticks})
        return [tick for tick in rounded if low <= tick <= high]

    powers_of_ten = inside(LogLocator(numticks=most).tick_values(low, high))
    # A decade more to either side: over less than one, matplotlib takes even distances instead.
    finer = (
        inside(LogLocator(subs=steps, numticks=99).tick_values(low / 10, high * 10))
        for steps in ((1, 3), (1, 2, 5), (1, 2, 3, 5, 7), range(1, 10))
    )
    for ticks in (powers_of_ten, *finer):
        if 3 <= len(ticks) <= most:
            return ticks
    if len(powers_of_ten) == 2:
        return powers_of_ten
    return inside(MaxNLocator(most - 1, steps=[1, 2, 5, 10]).tick_values(low, high))


def power(value: float) -> str:
    """A number at a tick of a logarithmic axis.

    >>> power(0.0001), power(1e6), power(0.02), power(2e-5), power(1.0), power(13000.0)
    ('10⁻⁴', '10⁶', '0.02', '2·10⁻⁵', '1', '13000')
    """
    if not value > 0:
        return ""
    exponent = int(np.floor(np.log10(value) + 1e-9))
    digits = value / 10.0**exponent
    if -3 < exponent < 5:
        return f"{value:.6g}"
    ten = "10" + str(exponent).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return ten if abs(digits - 1) < 1e-6 else f"{digits:.3g}·{ten}"


def scatter(
    axes: "Axes",
    x: Vector,
    y: Vector,
    level: npt.NDArray[np.str_],
    named: Sequence[str],
    size: float = 16,
) -> None:
    """Points in the color and the shape of their level, one collection a level.

    Args:
        axes: where.
        x: shape (points,).
        y: likewise.
        level: name of each point's level, shape (points,).
        named: levels in the order of colors; each point's is among them.
        size: area of a point, in squared points.
    """
    for position, name in enumerate(named):
        kept = level == name
        axes.scatter(
            x[kept],
            y[kept],
            s=size,
            color=COLORS[position],
            marker=MARKERS[position],
            alpha=0.65,
            linewidths=0,
            label=name,
            zorder=2,
        )


def diagonal(axes: "Axes") -> None:
    """The line y = x, behind all else."""
    low = max(axes.get_xlim()[0], axes.get_ylim()[0])
    axes.axline((low, low), (1.0 + 2 * abs(low),) * 2, color=GRAY, linewidth=1, zorder=1)


def legend(figure: "Figure", axes: "Axes", title: str | None = None) -> None:
    """What the marks of one panel, and so of all, mean; to the right of the panels."""
    handles, texts = axes.get_legend_handles_labels()
    figure.legend(handles, texts, loc="outside right upper", title=title, markerscale=1.3)


def limits(values: npt.ArrayLike) -> tuple[float, float]:
    """Range of values with a margin to either side, that is never empty."""
    low, high = float(np.min(values)), float(np.max(values))
    margin = 0.06 * (high - low) or max(0.01, 0.1 * abs(high))
    return low - margin, high + margin


def grid_shape(panels: int, columns: int) -> tuple[int, int]:
    """Rows and columns for so many panels, at most `columns` a row.

    >>> grid_shape(3, 4), grid_shape(9, 4)
    ((1, 3), (3, 4))
    """
    return -(-panels // columns), min(columns, panels)


def level_names(ids: Sequence[str], levels: Mapping[str, str] | None) -> list[str]:
    """Levels told apart by color, at most six; the rest are "other".

    Args:
        ids: of the networks shown.
        levels: id → level; None: all are alike.
    """
    if levels is None:
        return [OTHER]
    present = {levels.get(network, OTHER) for network in ids}
    names = sorted(present - {OTHER}, key=natural)
    if OTHER not in present and len(names) <= len(COLORS):
        return names
    return [*names[: len(COLORS) - 1], OTHER]


def level_of(network: str, named: Sequence[str], levels: Mapping[str, str] | None) -> str:
    """The level a network is shown as."""
    level = OTHER if levels is None else levels.get(network, OTHER)
    return level if level in named else OTHER


def natural(text: str) -> list[tuple[float, str]]:
    """Sorts "width 96" before "width 192"."""
    parts = re.split(r"(\d+(?:\.\d+)?)", text)
    return [(float(part), "") if n % 2 else (-1.0, part) for n, part in enumerate(parts)]


def shortened(name: str, most: int = 28) -> str:
    """A name cut where it is too long for a title."""
    return name if len(name) <= most else name[: most - 1] + "…"
