"""The drawings of the page: bars with their intervals, and lines over sizes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from matplotlib.axes import Axes

    from benchmarks.estimate import Estimate
    from benchmarks.report import Picture

# Of one set for eyes that do not tell red from green (Okabe and Ito); ours is always the first.
OURS, OTHER, LIMIT = "#0072b2", "#b0b0b0", "#e69f00"
SERIES = (OURS, "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#f0e442",
          "#7f7f7f")  # fmt: skip
WIDE = 8.0  # inches
LEGEND = 90  # characters of names that fit beside each other
_NUMBERS = FuncFormatter(lambda value, _: f"{value:,g}")
# Text stays text, so that a page's reader can search it, and equal rows give an equal file.
STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "cachegate",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "figure.facecolor": "white",
}


def bars(
    title: str,
    panels: Mapping[str, Mapping[str, Estimate]],
    *,
    colours: Mapping[str, str],
    limit: float | None = None,
) -> Figure:
    """Draw one panel of lying bars for each column, the ways below each other, with intervals.

    A way without a colour is another's; `limit` is the goal, drawn as a line across.
    """
    with mpl.rc_context(STYLE):
        ways = list(next(iter(panels.values())))
        figure = Figure((WIDE, 0.8 + 0.28 * len(ways)), layout="constrained")
        figure.suptitle(title)
        several = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
        for axes, (column, estimates) in zip(several, panels.items(), strict=True):
            _bars(axes, column, estimates, colours)
            if limit is not None:
                axes.axvline(limit, color="black", linewidth=0.8, linestyle=":")
        several[0].invert_yaxis()
        return figure


def _bars(
    axes: Axes, column: str, estimates: Mapping[str, Estimate], colours: Mapping[str, str]
) -> None:
    for place, (way, found) in enumerate(estimates.items()):
        axes.barh(place, found.median, 0.7, color=colours.get(way, OTHER))
        axes.plot([found.low, found.high], [place, place], color="black", linewidth=1)
    axes.set_yticks(range(len(estimates)), list(estimates))
    axes.set_title(column, fontsize=9)
    axes.tick_params(axis="y", length=0)


def lines(
    title: str,
    series: Mapping[str, Mapping[float, Estimate]],
    *,
    across: str,
    up: str,
    reference: tuple[str, Mapping[float, float]] | None = None,
) -> Figure:
    """Draw one line for each series over its sizes, both axes by powers of ten, with intervals.

    A reference is a name and values to compare with, which nobody measured: it is drawn dashed.
    """
    with mpl.rc_context(STYLE):
        figure = Figure((WIDE, 3.6), layout="constrained")
        axes = figure.subplots()
        for index, (name, points) in enumerate(series.items()):
            sizes, found = list(points), list(points.values())
            colour = SERIES[index % len(SERIES)]
            axes.plot(sizes, [each.median for each in found], "o-", color=colour, label=name, ms=4)
            axes.vlines(
                sizes, [each.low for each in found], [each.high for each in found], color=colour
            )
        if reference is not None:
            name, values = reference
            axes.plot(list(values), list(values.values()), "--", color="black", lw=1, label=name)
        axes.set_xscale("log")
        axes.set_yscale("log")
        sizes = sorted({size for points in series.values() for size in points})
        axes.set_xticks(sizes, [f"{size:,.0f}" for size in sizes])
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.yaxis.set_major_formatter(_NUMBERS)
        axes.set_xlabel(across)
        axes.set_ylabel(up)
        axes.set_title(title)
        axes.grid(axis="y", linewidth=0.3)
        axes.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False)
        return figure


def stacks(title: str, columns: Mapping[str, Mapping[str, float]], *, across: str) -> Figure:
    """Draw one lying bar for each column, made of its parts one after the other."""
    with mpl.rc_context(STYLE):
        figure = Figure((WIDE, 1.4 + 0.4 * len(columns)), layout="constrained")
        axes = figure.subplots()
        names: Sequence[str] = list(
            dict.fromkeys(part for each in columns.values() for part in each)
        )
        begins = [0.0] * len(columns)
        for index, name in enumerate(names):
            sizes = [parts.get(name, 0.0) for parts in columns.values()]
            axes.barh(
                range(len(columns)), sizes, 0.6, begins,
                label=name, color=SERIES[index % len(SERIES)],
            )  # fmt: skip
            begins = [begin + size for begin, size in zip(begins, sizes, strict=True)]
        axes.set_yticks(range(len(columns)), list(columns))
        axes.invert_yaxis()
        axes.xaxis.set_major_formatter(_NUMBERS)
        axes.set_xlabel(across)
        axes.set_title(title)
        abreast = max(1, min(4, LEGEND // max(map(len, names))))
        figure.legend(loc="outside lower center", ncols=abreast, frameon=False)
        return figure


def save(picture: Picture, folder: Path) -> None:
    """Write it as SVG, without a date."""
    folder.mkdir(parents=True, exist_ok=True)
    with mpl.rc_context(STYLE):
        picture.figure.savefig(
            folder / f"{picture.name}.svg", format="svg", metadata={"Date": None}
        )
