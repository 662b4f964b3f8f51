"""Draws the two flows of the page of internals: ``python docs/drawings.py [FOLDER]`` writes the SVG files.

They are made from the code: ``flows.py`` traces a line and a reload, and each file that takes part is a
row, in the order of its first call. A column is a room, so a line that goes to and fro between columns
shows where the flow crosses walls. The words are the first sentence of each file's docstring.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from pathlib import Path

from flows import TRACES, concept, order, room

HERE = Path(__file__).parent

ROW, COLUMN, TOP, LEFT = 30, 26, 84, 24
"""Pixels: between two rows, between two columns, above the first row, left of the first column."""

TEXT_WIDTH = 760
LETTERS_MAX = 92

#: From the wire to the bottom of the ladder of imports (``tests/architecture.py``).
ROOMS = (
    "doors",
    "reload",
    "service",
    "events",
    "client",
    "reactor",
    "storage",
    "protocol",
    "settings",
)

STYLE = """
  text { font: 13px system-ui, 'Segoe UI', sans-serif; fill: #1b2430; }
  .small { font-size: 12px; fill: #4a5868; }
  .file { font: 12.5px ui-monospace, 'DejaVu Sans Mono', monospace; font-weight: 600; }
  .lane { stroke: #dfe5ec; stroke-width: 1; }
  .way { stroke: #3b6ea5; stroke-width: 2; fill: none; stroke-linejoin: round; }
  .stop { fill: #ffffff; stroke: #3b6ea5; stroke-width: 2.5; }
"""


@dataclass(frozen=True)
class Drawing:
    """One flow.

    Args:
        files: below ``cletus/``, in order.
        about: what it shows, for those who cannot see it.
    """

    files: tuple[str, ...]
    about: str

    def svg(self) -> str:
        """The file."""
        rooms = _rooms(self.files)
        left = LEFT + COLUMN * len(rooms)
        width, height = left + TEXT_WIDTH, TOP + ROW * len(self.files)
        stops = [
            (LEFT + COLUMN * rooms.index(room(file)), TOP + ROW * row)
            for row, file in enumerate(self.files)
        ]
        parts = [
            *self._lanes(rooms, height),
            *(_way(a, b) for a, b in pairwise(stops)),
            *(f'<circle class="stop" cx="{x}" cy="{y}" r="5"/>' for x, y in stops),
            *(self._row(left, y, file) for (_, y), file in zip(stops, self.files, strict=True)),
        ]
        inside = "\n  ".join(parts)
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
            f'viewBox="0 0 {width} {height}" role="img" aria-label="{escape(self.about)}">\n'
            f"  <style>{STYLE}  </style>\n"
            f'  <rect width="100%" height="100%" rx="10" fill="#ffffff"/>\n  {inside}\n</svg>\n'
        )

    def _lanes(self, rooms: list[str], height: int) -> Iterable[str]:
        for number, name in enumerate(rooms):
            x = LEFT + COLUMN * number
            yield f'<line class="lane" x1="{x}" y1="{TOP - 16}" x2="{x}" y2="{height - 12}"/>'
            yield (
                f'<text class="small" x="{x}" y="{TOP - 22}" '
                f'transform="rotate(-55 {x} {TOP - 22})">{escape(name)}</text>'
            )

    def _row(self, x: int, y: int, file: str) -> str:
        words = concept(file).replace("``", "")
        if len(words) > LETTERS_MAX:
            words = words[:LETTERS_MAX].rpartition(" ")[0] + " …"
        return (
            f'<text x="{x}" y="{y + 4}"><tspan class="file">{escape(file)}</tspan>'
            f'<tspan class="small" dx="10">{escape(words)}</tspan></text>'
        )


def _rooms(files: Iterable[str]) -> list[str]:
    """The rooms of these files, in the order of the ladder."""
    names = {room(file) for file in files}
    return [*(name for name in ROOMS if name in names), *sorted(names - set(ROOMS))]


def _way(start: tuple[int, int], end: tuple[int, int]) -> str:
    (x1, y1), (x2, y2) = start, end
    middle = (y1 + y2) // 2
    return f'<path class="way" d="M{x1},{y1} L{x1},{middle} L{x2},{middle} L{x2},{y2}"/>'


def draw(flow: str, about: str) -> Drawing:
    """The drawing of one of the flows that ``flows.py`` traces."""
    return Drawing(tuple(order(TRACES[flow]())), about)


DRAWINGS = {
    "flow-of-a-line.svg": lambda: draw(
        "line",
        "The files that a typed line goes through, from the socket to the screens of others.",
    ),
    "flow-of-a-reload.svg": lambda: draw(
        "reload", "The files that a reload goes through, from the request to the report."
    ),
}


def main(folder: Path) -> None:
    """Write them into this folder."""
    for name, drawing in DRAWINGS.items():
        (folder / name).write_text(drawing().svg())
        print(folder / name)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if sys.argv[1:] else HERE)
