"""The picture of the docs: CPU per event against the length of the answer."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import TYPE_CHECKING

from benchmarks.pictures import LINES, picture
from benchmarks.speed.figures import Figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw_lengths"]


def draw_lengths(figures: Sequence[Figure]) -> str:
    """CPU per event against the length of the answer, for text and for events; SVG."""
    with picture(height=5.4, rows=2) as (drawn, axes):
        for place, reading in zip(axes, ("text", "typed"), strict=True):
            _lines(place, [figure for figure in figures if list(figure.key)[1:2] == [reading]])
            place.set(xscale="log", yscale="log", ylabel="µs of CPU per event")
            place.set_title({"text": "text_stream", "typed": "async for event in stream"}[reading])
        lengths = sorted({figure.key[2] for figure in figures if figure.key})
        axes[-1].set_xticks(lengths, [f"{length:,}" for length in lengths])
        axes[-1].minorticks_off()
        axes[-1].set_xlabel("events of the answer")
        axes[0].legend(frameon=False, ncols=2)
    return drawn.svg


def _lines(place: Axes, figures: Sequence[Figure]) -> None:
    for transport, style in (("httpx2", "-"), ("aiohttp", "--")):
        here = [figure for figure in figures if figure.key[0] == transport]
        lengths = [figure.key[2] for figure in here]
        for name, colour, values in (
            ("SDK", LINES[0], [figure.sdk for figure in here]),
            ("unbroken", LINES[1], [figure.unbroken for figure in here]),
            ("bytes alone", LINES[3], [figure.floor for figure in here]),
        ):
            medians = [median(each) for each in values]
            place.plot(lengths, medians, style, color=colour, marker="o", markersize=3, label=f"{name}, {transport}")
    place.yaxis.set_major_formatter("{x:g}")
