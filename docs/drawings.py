"""Draws the two flows of the page of internals: ``python docs/drawings.py`` writes the SVG files anew.

Boxes and arrows on a grid, so that a change of the flow is a change of a few words here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from html import escape
from itertools import pairwise
from pathlib import Path

HERE = Path(__file__).parent
WIDTH, HEIGHT = 170, 64
"""Of a box, in pixels."""

STYLE = """
  text { font: 13px system-ui, 'Segoe UI', sans-serif; fill: #1b2430; }
  .small { font-size: 11px; fill: #4a5868; }
  .title { font-weight: 600; }
  .box { fill: #eef4fb; stroke: #3b6ea5; stroke-width: 1.2; }
  .yours { fill: #fff4dc; stroke: #b57a14; stroke-width: 1.2; }
  .turn { fill: none; stroke: #6c7a89; stroke-dasharray: 5 4; }
  .arrow { stroke: #3b4a5a; stroke-width: 1.4; fill: none; marker-end: url(#head); }
  .back { stroke: #b3402f; stroke-width: 1.4; fill: none; marker-end: url(#redhead); }
  .red { fill: #b3402f; }
"""
MARKERS = """
  <defs>
    <marker id="head" markerWidth="9" markerHeight="8" refX="8" refY="4" orient="auto">
      <path d="M0,0 L9,4 L0,8 z" fill="#3b4a5a"/></marker>
    <marker id="redhead" markerWidth="9" markerHeight="8" refX="8" refY="4" orient="auto">
      <path d="M0,0 L9,4 L0,8 z" fill="#b3402f"/></marker>
  </defs>
"""


@dataclass
class Drawing:
    """One drawing, written as SVG.

    Args:
        width: in pixels.
        height: in pixels.
        about: what it shows, for those who cannot see it.
    """

    width: int
    height: int
    about: str
    parts: list[str] = field(default_factory=list)

    def box(self, x: int, y: int, title: str, *lines: str, kind: str = "box") -> None:
        """A box with its upper left corner there."""
        self.parts.append(
            f'<rect class="{kind}" x="{x}" y="{y}" width="{WIDTH}" height="{HEIGHT}" rx="7"/>'
        )
        middle = x + WIDTH // 2
        top = y + HEIGHT // 2 + 4 - 8 * len(lines)
        self.text(middle, top, title, "title")
        for number, line in enumerate(lines, 1):
            self.text(middle, top + 16 * number, line, "small")

    def text(self, x: int, y: int, words: str, kind: str = "", anchor: str = "middle") -> None:
        """One line of words."""
        self.parts.append(
            f'<text class="{kind}" x="{x}" y="{y}" text-anchor="{anchor}">{escape(words)}</text>'
        )

    def arrow(self, *points: tuple[int, int], kind: str = "arrow") -> None:
        """A line through these points, with a head at its end."""
        path = " L".join(f"{x},{y}" for x, y in points)
        self.parts.append(f'<path class="{kind}" d="M{path}"/>')

    def frame(self, x: int, y: int, width: int, height: int) -> None:
        """A dashed frame around what belongs together."""
        self.parts.append(
            f'<rect class="turn" x="{x}" y="{y}" width="{width}" height="{height}" rx="10"/>'
        )

    def svg(self) -> str:
        """The file."""
        inside = "\n  ".join(self.parts)
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{self.width}" height="{self.height}" '
            f'viewBox="0 0 {self.width} {self.height}" role="img" aria-label="{escape(self.about)}">\n'
            f"  <style>{STYLE}  </style>{MARKERS}"
            f'  <rect width="100%" height="100%" rx="10" fill="#ffffff"/>\n  {inside}\n</svg>\n'
        )


def line() -> Drawing:
    """How a line flows, there and back."""
    drawing = Drawing(
        960,
        330,
        "A line goes from the socket through the door, parser and text safety to the client's inbox and "
        "the application; what that writes goes through an outbox back to the sockets.",
    )
    step = 190
    top, bottom = 44, 216
    xs = [15 + step * number for number in range(5)]
    drawing.text(15, 26, "What somebody types", "title", "start")
    drawing.box(xs[0], top, "Socket", "bytes, in any pieces")
    drawing.box(xs[1], top, "Door's protocol", "joins the parts, adds none")
    drawing.box(xs[2], top, "Parser", "telnet commands, options", "subnegotiation_max")
    drawing.box(xs[3], top, "Line, charset, text", "decoded, cleaned, NFC", "line_max")
    drawing.box(xs[4], top, "Client's inbox", "a queue with a rate", "line_rate, line_burst")
    for left, right in pairwise(xs):
        drawing.arrow((left + WIDTH, top + 32), (right, top + 32))
    drawing.text(15, bottom - 18, "What is written to them", "title", "start")
    drawing.box(
        xs[4], bottom, "Who asked for it?", "ask(), else a dialogue,", "else events.Receive"
    )
    drawing.box(xs[3], bottom, "Your code", "listeners, steps, commands", kind="yours")
    drawing.box(xs[2], bottom, "Rendering", "once for each kind", "of terminal")
    drawing.box(xs[1], bottom, "Outbox", "one for each client", "output_max")
    drawing.box(xs[0], bottom, "Socket", "one write a client", "and reactor turn")
    drawing.arrow((xs[4] + 85, top + HEIGHT), (xs[4] + 85, bottom))
    for right, left in pairwise(xs[::-1]):
        drawing.arrow((right, bottom + 32), (left + WIDTH, bottom + 32))
    drawing.text(
        480,
        312,
        "Names in small type with an underscore are settings: what each may take at most.",
        "small",
    )
    return drawing


def reload() -> Drawing:
    """How a reload flows, and where it can end."""
    drawing = Drawing(
        960,
        400,
        "A reload: watch, check, stage, freeze, thaw, commit, retire. Stage to commit are one turn of the "
        "reactor. What fails before the commit leaves everything as it was.",
    )
    step = 190
    xs = [15 + step * number for number in range(5)]
    top, bottom = 70, 276
    drawing.frame(xs[2] - 12, 30, step * 3 - 2, 330)
    drawing.text(
        xs[2],
        22,
        "One turn of the reactor: what is typed meanwhile waits in the sockets",
        "title",
        "start",
    )
    drawing.box(xs[0], top, "1 Watch", "events, then quiet;", "read once and hashed")
    drawing.box(xs[1], top, "2 Check", "every module compiles", "from that text")
    drawing.box(xs[2], top, "3 Stage", "new modules imported", "beside the old ones", kind="yours")
    drawing.box(xs[3], top, "4 Freeze", "each active object,", "field by field", kind="yours")
    drawing.box(xs[4], top, "5 Thaw", "on the new classes,", "with deserialise", kind="yours")
    for left, right in pairwise(xs):
        drawing.arrow((left + WIDTH, top + 32), (right, top + 32))
    drawing.box(xs[4], bottom, "6 Commit", "plain assignments:", "nothing can fail")
    drawing.arrow((xs[4] + 60, top + HEIGHT), (xs[4] + 60, bottom))
    drawing.box(xs[2], bottom, "Roll back", "the old generation", "is as it was")
    drawing.box(xs[0], bottom, "7 Retire", "in a later turn: collect,", "name what holds old code")
    for number in (1, 2, 3, 4):
        x = xs[number] + 120
        drawing.arrow(
            (x, top + HEIGHT), (x, 205), (xs[2] + 85, 205), (xs[2] + 85, bottom), kind="back"
        )
    drawing.text(xs[2] + 96, 252, "something was raised", "small red", "start")
    drawing.arrow(
        (xs[4] + 85, bottom + HEIGHT),
        (xs[4] + 85, 382),
        (xs[0] + 85, 382),
        (xs[0] + 85, bottom + HEIGHT),
    )
    drawing.text(xs[0], 178, "Yellow: your code runs here.", "small", "start")
    return drawing


DRAWINGS = {"flow-of-a-line.svg": line, "flow-of-a-reload.svg": reload}


def main() -> None:
    """Write them."""
    for name, draw in DRAWINGS.items():
        (HERE / name).write_text(draw().svg())
        print(f"docs/{name}")


if __name__ == "__main__":
    main()
