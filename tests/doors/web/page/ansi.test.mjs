import assert from "node:assert/strict";
import test from "node:test";
import { parse, readable, strip } from "../../../../cletus/doors/web/page/app/ansi.js";

const texts = (raw) => parse(raw).pieces.map((piece) => piece.text);

test("colours become styles, and the style goes on with the next line", () => {
  const { pieces, style } = parse("a\x1b[1;31mb\x1b[0mc\x1b[38;5;196md\x1b[38;2;1;2;3me");
  assert.deepEqual(pieces.map((piece) => piece.style), [{}, { bold: true, fg: 1 }, {}, { fg: [255, 0, 0] }, { fg: [1, 2, 3] }]);
  assert.deepEqual(style, { fg: [1, 2, 3] });
});

test("nothing that is typed by others is anything but text", () => {
  assert.equal(strip("<script>alert(1)</script>"), "<script>alert(1)</script>");
  assert.equal(strip("a\x1b[2Jb\x1b]0;title\x07c\x1bPq\x1b\\d\x07\x00e\x9b31mf"), "abcqde31mf".replace("q", "q"));
});

test("a sequence without its end swallows nothing for ever", () => {
  assert.equal(strip("a\x1b"), "a");
  assert.equal(strip("a\x1b[31"), "a");
  assert.ok(strip("a\x1b]8;;http://x" + "y".repeat(10)).startsWith("a"));
});

test("addresses become links, and only those of http", () => {
  const [first, link, last] = parse("see http://a.b/c?d=e. Bye").pieces;
  assert.deepEqual([first.text, link.href, last.text], ["see ", "http://a.b/c?d=e", ". Bye"]);
  assert.equal(parse("javascript:alert(1)").pieces[0].href, undefined);
  assert.equal(parse("\x1b]8;;javascript:alert(1)\x07x\x1b]8;;\x07").pieces[0].href, undefined);
  assert.equal(parse("\x1b]8;;https://x.y/\x07x\x1b]8;;\x07").pieces[0].href, "https://x.y/");
});

test("tabs and newlines stay, other control characters go", () => {
  assert.deepEqual(texts("a\tb\x08c"), ["a\tbc"]);
});

test("every colour is readable on both backgrounds", () => {
  for (const dark of [true, false]) {
    for (const colour of [[0, 0, 0], [0, 0, 255], [255, 255, 0], [255, 255, 255], [128, 128, 128]]) {
      const [r, g, b] = readable(colour, dark).match(/\d+/g).map(Number);
      const l = [r, g, b].map((v) => { v /= 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; });
      const luminance = 0.2126 * l[0] + 0.7152 * l[1] + 0.0722 * l[2];
      const background = dark ? 0.012 : 0.9;
      const contrast = (Math.max(luminance, background) + 0.05) / (Math.min(luminance, background) + 0.05);
      assert.ok(contrast >= 4.5, `${colour} ${dark}: ${contrast}`);
    }
  }
});
