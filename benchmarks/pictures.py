"""Pictures for the docs: SVG that reads on a light page and on a dark one, the same bytes for the same figures."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import matplotlib as mpl
from matplotlib.figure import Figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["LINES", "Picture", "picture"]

#: Told apart by those who see no red or no green too (Okabe and Ito, https://jfly.uni-koeln.de/color/).
LINES: Final = ("#d55e00", "#0072b2", "#e69f00", "#009e73", "#cc79a7")

#: A grey that shows on white as on black.
_INK: Final = "#7f7f7f"
_STYLE: Final[Any] = {  # matplotlib's own type of it names every key
    "svg.hashsalt": "unbroken",  # else the ids of the picture's parts are drawn anew each time
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 9,
    "text.color": _INK,
    "axes.edgecolor": _INK,
    "axes.labelcolor": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 9,
    "axes.titlelocation": "left",
    "lines.linewidth": 1.4,
}

_NO_METADATA: Final[Any] = dict.fromkeys(("Date", "Creator", "Format", "Type"))


@dataclass(slots=True)
class Picture:
    """A picture that is being drawn; `svg` is there once it is done."""

    figure: Figure
    svg: str = ""


@contextmanager
def picture(*, height: float, rows: int = 1) -> Iterator[tuple[Picture, Sequence[Axes]]]:
    """Draw on so many axes, one below the other; the height is in inches, of a width of 7.5."""
    with mpl.rc_context(_STYLE):
        drawn = Picture(Figure(figsize=(7.5, height), layout="constrained"))
        yield drawn, list(drawn.figure.subplots(rows, 1, squeeze=False, sharex=True)[:, 0])
        buffer = io.StringIO()
        drawn.figure.savefig(buffer, format="svg", transparent=True, metadata=_NO_METADATA)
        # Its header names a DTD elsewhere, and no page is to ask anything of other servers.
        drawn.svg = buffer.getvalue()[buffer.getvalue().index("<svg") :]
