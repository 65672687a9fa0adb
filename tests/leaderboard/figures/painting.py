"""Figures as matplotlib holds them, and what is on their panels."""

from types import SimpleNamespace

import numpy as np
from matplotlib import style
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure

from leaderboard.figures.style import STYLE


def painted(paint, data):
    """The figure, laid out in the style of all."""
    with style.context(["default", STYLE]):
        figure = Figure()
        FigureCanvasAgg(figure)
        paint(figure, data)
        figure.draw_without_rendering()
    return figure


def points(axes):
    """(x, y) of all points of scatter plots on a panel, shape (points, 2)."""
    shown = [shape for shape in axes.collections if isinstance(shape, PathCollection)]
    return np.concatenate([np.asarray(shape.get_offsets()) for shape in shown])


def line(axes, label):
    """(x, y) of the line of that label."""
    (found,) = [each for each in axes.lines if each.get_label() == label]
    return np.asarray(found.get_xdata(), float), np.asarray(found.get_ydata(), float)


def texts_overlap(figure):
    """Pairs of titles, axis labels, tick labels and legends of a figure that cover each other."""
    renderer = figure.canvas.get_renderer()
    found = list(figure.texts)
    for axes in figure.axes:
        if axes.get_visible():
            found += [axes.title, axes.xaxis.label, axes.yaxis.label]
            for axis in (axes.xaxis, axes.yaxis):
                low, high = sorted(axis.get_view_interval())
                ticks = [tick for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high]
                found += [tick.label1 for tick in ticks]
    boxes = [
        SimpleNamespace(text=text.get_text(), box=text.get_window_extent(renderer).padded(-1))
        for text in found
        if text.get_visible() and text.get_text().strip()
    ]
    boxes += [
        SimpleNamespace(text="legend", box=legend.get_window_extent(renderer).padded(-1))
        for legend in figure.legends
    ]
    return [
        (one.text, other.text)
        for number, one in enumerate(boxes)
        for other in boxes[:number]
        if one.box.overlaps(other.box)
    ]
