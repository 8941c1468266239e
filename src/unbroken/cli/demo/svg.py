"""A picture of a terminal as SVG, in fonts that every machine has: nothing is fetched to show it."""

from __future__ import annotations

import html
import io
import re
from collections.abc import Callable
from typing import Final

from rich.console import Console, RenderableType
from rich.terminal_theme import TerminalTheme

__all__ = ["export"]

_THEME: Final = TerminalTheme(
    (13, 17, 23),
    (214, 220, 228),
    [
        (72, 79, 88),
        (255, 110, 103),
        (87, 201, 108),
        (240, 190, 80),
        (110, 170, 255),
        (205, 145, 255),
        (86, 200, 230),
        (214, 220, 228),
    ],
)

# Rich's own template loads its font from the network; this one does without. Every run of text has its length set
# (`textLength`), so that the columns stand straight in any font.
_TEMPLATE: Final = """\
<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg" role="img">
<title>[title]</title>
<style>
.{unique_id}-matrix {{
  font-family: ui-monospace, "SF Mono", "Cascadia Mono", "Fira Code", Menlo, Consolas, "DejaVu Sans Mono", monospace;
  font-size: {char_height}px;
  line-height: {line_height}px;
}}
.{unique_id}-title {{ font: bold 18px system-ui, sans-serif; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}"/>
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""

# In most fonts the upright of a box is shorter than a line, and a border of them has gaps: they are drawn instead.
_UPRIGHT: Final = re.compile(r'<text class="(?P<style>[^"]+)" x="(?P<x>[^"]+)" y="(?P<y>[^"]+)"[^<>]*>│</text>')


def export(paint: Callable[[Console], RenderableType], width: int, title: str) -> str:
    """What `paint` gives for a console of `width` characters, as SVG; `title` says in words what is to be seen."""
    console = Console(
        record=True,
        file=io.StringIO(),
        width=width,
        force_terminal=True,
        color_system="truecolor",
        legacy_windows=False,
    )
    console.print(paint(console))
    svg = console.export_svg(
        title="unbroken demo",
        theme=_THEME,
        code_format=_TEMPLATE.replace("[title]", html.escape(title)),
        unique_id="unbroken",
        font_aspect_ratio=0.6,
    )
    return _UPRIGHT.sub(_as_line, svg)


def _as_line(upright: re.Match[str]) -> str:
    x, y = float(upright["x"]) + 5.2, float(upright["y"]) - 19.5
    return f'<rect class="{upright["style"]}" x="{x:g}" y="{y:g}" width="1.6" height="25"/>'
