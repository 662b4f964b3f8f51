"""Draw ``icon-192.png`` and ``icon-512.png`` of the page from ``icon.svg``: ``python docs/icons.py [FOLDER]``.

FOLDER has the ``icon.svg``, and gets the pictures; without it, they are those of the page. Chromium draws
(``playwright`` and Debian's ``chromium``, as for the tests). The larger one has no round corners, since
phones cut icons into a shape of their own ("maskable").
"""

from __future__ import annotations

import shutil
import struct
import sys
import zlib
from pathlib import Path

from playwright.sync_api import sync_playwright

PAGE = Path(__file__).parents[1] / "cletus" / "doors" / "web" / "page"
ICONS = {"icon-192.png": (192, False), "icon-512.png": (512, True)}
#: Steps of a colour's parts in a small picture; 256 would be all of them, and three times the bytes.
LEVELS = 32
DRAW = """
async ([svg, size, fills]) => {
    const image = new Image();
    image.src = `data:image/svg+xml,${encodeURIComponent(svg)}`;
    await image.decode();
    const canvas = new OffscreenCanvas(size, size), paper = canvas.getContext("2d");
    paper.drawImage(image, 0, 0, size, size);
    if (fills) { // its corners, in the colour of its upper edge
        const [red, green, blue] = paper.getImageData(size / 2, 2, 1, 1).data;
        paper.globalCompositeOperation = "destination-over";
        paper.fillStyle = `rgb(${red} ${green} ${blue})`;
        paper.fillRect(0, 0, size, size);
    }
    return [...paper.getImageData(0, 0, size, size).data];
}
"""


def png(size: int, pixels: bytes) -> bytes:
    """A picture of RGBA pixels, each row as the difference to the one above (filter 2)."""
    rows = [pixels[at : at + 4 * size] for at in range(0, len(pixels), 4 * size)]
    above = [bytes(4 * size), *rows]
    data = b"".join(
        b"\x02" + bytes((new - old) & 255 for new, old in zip(row, before, strict=True))
        for row, before in zip(rows, above, strict=False)
    )

    def chunk(name: bytes, content: bytes) -> bytes:
        check = zlib.crc32(name + content)
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", check)

    header = struct.pack(">IIBBBBB", size, size, 8, 6, 0, 0, 0)
    packed = zlib.compress(data, 9)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")
    )


def main(folder: Path) -> None:
    """Draw both pictures."""
    svg = (folder / "icon.svg").read_text(encoding="utf-8")
    step = 255 / (LEVELS - 1)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        page = browser.new_page()
        for name, (size, fills) in ICONS.items():
            pixels = page.evaluate(DRAW, [svg, size, fills])
            few = bytes(round(round(value / step) * step) for value in pixels)
            (folder / name).write_bytes(png(size, few))
            print(f"{folder / name}: {(folder / name).stat().st_size} bytes")
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else PAGE)
