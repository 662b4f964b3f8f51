// Text with ECMA-48 into pieces of plain text with a style: nothing here is ever parsed as HTML.
const CSI = /^\x1b\[([0-9;:]*)([@-~])/;
const OSC = /^\x1b\]([^\x07\x1b]*)(?:\x07|\x1b\\)/;
const OTHER = /^\x1b(?:\[[ -?]*[@-~]?|[ -/]*[0-~]?)/;
const URL_IN_TEXT = /\bhttps?:\/\/[^\s<>"'`]+[^\s<>"'`.,;:!?)\]}]/gu;

export const PLAIN = Object.freeze({});

// Returns {pieces: [{text, style, href}], style}; style is what the next line begins with.
export function parse(text, style = PLAIN) {
  const pieces = [];
  let href = "";
  let plain = "";
  const flush = () => {
    if (plain) pieces.push(...linked(plain, style, href));
    plain = "";
  };
  for (let i = 0; i < text.length;) {
    const next = text.indexOf("\x1b", i);
    const end = next < 0 ? text.length : next;
    plain += text.slice(i, end).replace(/[\x00-\x08\x0b-\x1f\x7f-\x9f]/g, "");
    if (next < 0) break;
    const rest = text.slice(next, next + 4096);
    let match;
    if ((match = CSI.exec(rest))) {
      if (match[2] === "m") { flush(); style = sgr(style, match[1]); }
    } else if ((match = OSC.exec(rest))) {
      const link = /^8;[^;]*;(.*)$/s.exec(match[1]);
      if (link) { flush(); href = /^https?:\/\//.test(link[1]) ? link[1] : ""; }
    } else {
      match = OTHER.exec(rest);
    }
    i = next + Math.max(1, match[0].length);
  }
  flush();
  return { pieces, style };
}

export function strip(text) { return parse(text).pieces.map((piece) => piece.text).join(""); }

function linked(text, style, href) {
  if (href) return [{ text, style, href }];
  const pieces = [];
  let last = 0;
  for (const match of text.matchAll(URL_IN_TEXT)) {
    if (match.index > last) pieces.push({ text: text.slice(last, match.index), style });
    pieces.push({ text: match[0], style, href: match[0] });
    last = match.index + match[0].length;
  }
  if (last < text.length) pieces.push({ text: text.slice(last), style });
  return pieces;
}

function sgr(style, parameters) {
  const codes = parameters.replaceAll(":", ";").split(";").map(Number);
  let next = { ...style };
  for (let i = 0; i < codes.length; i++) {
    const code = codes[i];
    if (code === 0) next = {};
    else if (code === 1) next.bold = true;
    else if (code === 2) next.faint = true;
    else if (code === 3) next.italic = true;
    else if (code === 4) next.underline = true;
    else if (code === 7) next.inverse = true;
    else if (code === 9) next.strike = true;
    else if (code === 22) { delete next.bold; delete next.faint; }
    else if (code === 23) delete next.italic;
    else if (code === 24) delete next.underline;
    else if (code === 27) delete next.inverse;
    else if (code === 29) delete next.strike;
    else if (code >= 30 && code <= 37) next.fg = code - 30;
    else if (code >= 90 && code <= 97) next.fg = code - 82;
    else if (code === 39) delete next.fg;
    else if (code >= 40 && code <= 47) next.bg = code - 40;
    else if (code >= 100 && code <= 107) next.bg = code - 92;
    else if (code === 49) delete next.bg;
    else if (code === 38 || code === 48) {
      const key = code === 38 ? "fg" : "bg";
      if (codes[i + 1] === 5) { next[key] = indexed(codes[i + 2]); i += 2; }
      else if (codes[i + 1] === 2) { next[key] = rgb(codes[i + 2], codes[i + 3], codes[i + 4]); i += 4; }
    }
  }
  return next;
}

function indexed(n) {
  if (!(n >= 0 && n <= 255)) return undefined;
  if (n < 16) return n;
  if (n >= 232) { const v = 8 + 10 * (n - 232); return rgb(v, v, v); }
  const level = (v) => (v ? 55 + 40 * v : 0);
  n -= 16;
  return rgb(level(Math.floor(n / 36)), level(Math.floor(n / 6) % 6), level(n % 6));
}

function rgb(r, g, b) {
  const clamp = (v) => Math.min(255, Math.max(0, v | 0));
  return [clamp(r), clamp(g), clamp(b)];
}

// A colour made readable on a background of this luminance (WCAG 2.2, contrast 4.5).
export function readable([r, g, b], dark) {
  const background = dark ? 0.012 : 0.9;
  let colour = [r, g, b];
  for (let step = 0; step < 20 && contrast(luminance(colour), background) < 4.6; step++) {
    colour = colour.map((v) => Math.round(dark ? v + (255 - v) * 0.12 : v * 0.88));
  }
  return `rgb(${colour.join(" ")})`;
}

function luminance(colour) {
  const [r, g, b] = colour.map((v) => {
    v /= 255;
    return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(a, b) { return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05); }
