// What is said: lines on the screen, and a quiet copy of them for those who listen.
import { parse, readable, PLAIN } from "./ansi.js";
import { say } from "./words.js";

const LINES_MAX = 5000, KEPT_MAX = 600, ALOUD_MAX = 30, ALOUD_WAIT = 300;
const DRAWN = /[─-▟]|\S {2,}\S|^ {2,}\S|^[|+*=_.\/\\ -]{6,}$/u;

// Lines as they are read aloud: a pause behind each, but not where a sentence was broken for the width of
// the window, and nothing of what is drawn with signs. A row of a table is not a sentence.
export function sentences(lines) {
  let spoken = "", indent = "", ended = true, table = false;
  for (const line of lines) {
    const [, begin, rest] = /^(\s*)(.*?)\s*$/su.exec(line);
    const words = rest.replace(/(^|\s)[-=_*~|/\\+#^]{3,}(?=\s|$)/gu, " ").trim();
    const goesOn = !ended && !table && begin !== "" && begin === indent && /^\p{Ll}/u.test(words);
    spoken += spoken === "" ? words : ended || goesOn ? ` ${words}` : `. ${words}`;
    indent = begin;
    ended = /[.!?:…]$/.test(words);
    table = /\S {2,}\S/.test(rest);
  }
  return ended ? spoken : `${spoken}.`;
}

export class Log {
  // options: {names: () => Set, me: () => string, settings}
  constructor(root, aloud, newer, options) {
    this.root = root;
    this.aloud = aloud;
    this.newer = newer;
    this.options = options;
    this.style = PLAIN;
    this.partial = "";
    this.kept = [];
    this.waiting = [];
    this.spoken = [];
    this.frame = 0;
    this.speaking = 0;
    this.unseen = 0;
    this.day = "";
    this.follows = true;
    this.channel = "";
    root.addEventListener("scroll", () => this.scrolled(), { passive: true });
    newer.addEventListener("click", () => { this.toEnd(); });
    new ResizeObserver(() => {
      const follows = this.follows;
      this.size = [root.clientWidth, root.clientHeight].join();
      this.fit(); // first: lines that are broken now are higher
      if (follows) this.toEnd();
    }).observe(root);
  }

  // Text as it comes; what follows the last newline stays partial and may become a prompt.
  text(text) {
    const lines = (this.partial + text).split("\n");
    this.partial = lines.pop();
    for (const line of lines) this.line(line.replace(/\r$/, ""));
    return this.partial;
  }

  // The partial line is a prompt: it leaves the log.
  takePrompt() {
    const prompt = this.partial;
    this.partial = "";
    return parse(prompt.replace(/\r/g, ""), this.style).pieces.map((piece) => piece.text).join("");
  }

  line(raw, kind = "", at = Date.now(), quiet = false) {
    const { pieces, style } = parse(raw, this.style);
    this.style = style;
    const text = pieces.map((piece) => piece.text).join("");
    this.kept.push([raw, kind, at]);
    if (this.kept.length > KEPT_MAX) this.kept.shift();
    this.waiting.push({ pieces, text, kind, at });
    if (!quiet) this.say(text, kind);
    this.frame ||= requestAnimationFrame(() => this.draw());
    return text;
  }

  draw() {
    this.frame = 0;
    const follows = this.follows;
    const lines = this.waiting;
    this.waiting = [];
    const fragment = document.createDocumentFragment();
    for (const line of lines) {
      const day = new Date(line.at).toDateString();
      if (day !== this.day) {
        if (this.day) fragment.append(element("p", "day", new Date(line.at).toLocaleDateString(undefined, { weekday: "long", day: "numeric", month: "long" })));
        this.day = day;
      }
      fragment.append(this.rendered(line));
    }
    this.root.append(fragment);
    while (this.root.childElementCount > LINES_MAX) this.root.firstElementChild.remove();
    this.fit();
    if (follows) this.toEnd();
    else {
      this.unseen += lines.length;
      this.newer.textContent = say("newLines", { n: this.unseen });
      this.newer.hidden = false;
    }
  }

  rendered({ pieces, text, kind, at }) {
    const line = element("p", `line ${kind}`);
    line.dir = "auto";
    line.dataset.time = new Date(at).toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit" });
    if (DRAWN.test(text)) line.classList.add("drawn");
    if (!text.trim()) line.classList.add("empty");
    if (kind !== "own" && !line.classList.contains("drawn") && this.calls(text)) line.classList.add("calls");
    let first = this.options.settings.names;
    for (const { text: piece, style, href } of pieces) {
      let node;
      if (href) {
        node = element("a", "", piece);
        node.href = href;
        node.target = "_blank";
        node.rel = "noopener noreferrer nofollow";
      } else {
        node = element("span", "", "");
        if (first && piece.trim()) first = !this.named(node, piece);
        else node.textContent = piece;
      }
      paint(node, style);
      line.append(node);
    }
    return line;
  }

  // Whether somebody else calls me in this line: it has my name and theirs. What the service says to me has mine alone.
  calls(text) {
    const me = this.options.me();
    return mentions(text, me) && [...this.options.names()].some((name) => name !== me && mentions(text, name));
  }

  // Colour the name that a line begins with, if it is somebody's.
  named(node, piece) {
    const match = /^(\s*)([\p{L}][\p{L}\p{N}_-]*)/u.exec(piece);
    if (!match || !this.options.names().has(match[2])) { node.textContent = piece; return true; }
    node.append(match[1]);
    const name = element("span", `name n${hue(match[2])}`, match[2]);
    node.append(name, piece.slice(match[0].length));
    return true;
  }

  // A picture or table keeps its shape: the letters of all its lines shrink until the widest fits.
  fit() {
    const width = this.root.clientWidth - 48;
    if (width <= 0) return;
    const all = width !== this.fitted;
    this.fitted = width;
    let block = [];
    const shrink = () => {
      const columns = Math.max(1, ...block.map((line) => [...line.textContent.trimEnd()].length));
      const size = Math.max(9.5, Math.min(15, width / (columns * 0.605)));
      // Too wide even in small letters: broken lines can be read, and many that scroll are many stops for the keyboard.
      const wraps = columns * 0.605 * 9.5 > width;
      for (const line of block) { line.classList.toggle("wraps", wraps); line.style.fontSize = wraps ? "12px" : size < 15 ? `${size}px` : ""; line.dataset.fit = ""; }
      block = [];
    };
    for (const line of this.root.querySelectorAll(all ? ".drawn" : ".drawn:not([data-fit])")) {
      let before = line.previousElementSibling;
      while (before?.classList.contains("empty")) before = before.previousElementSibling;
      if (block.length && before !== block.at(-1)) shrink();
      if (!block.length) for (; before?.classList.contains("drawn"); before = before.previousElementSibling) block.unshift(before);
      block.push(line);
    }
    if (block.length) shrink();
  }

  scrolled() {
    if (this.size !== [this.root.clientWidth, this.root.clientHeight].join()) return; // the browser has, for a new size
    this.follows = this.root.scrollTop + this.root.clientHeight >= this.root.scrollHeight - 40;
    if (this.follows) { this.unseen = 0; this.newer.hidden = true; }
  }

  toEnd() {
    this.root.scrollTop = this.root.scrollHeight;
    this.follows = true;
    this.unseen = 0;
    this.newer.hidden = true;
  }

  marker() {
    this.root.querySelector(".marker")?.remove();
    this.root.append(element("p", "marker", say("newMarker")));
  }

  find(text) {
    let count = 0;
    let last = null;
    const wanted = text.toLocaleLowerCase();
    for (const line of this.root.children) {
      const has = wanted !== "" && line.textContent.toLocaleLowerCase().includes(wanted);
      line.classList.toggle("found", has);
      if (has) { count++; last = line; }
    }
    last?.scrollIntoView({ block: "center" });
    return count;
  }

  // The latest lines again, 1 being the last: for Alt+1 and its neighbours.
  latest(n) {
    const texts = [...this.root.querySelectorAll(".line:not(.empty)")].map((line) => line.textContent);
    return texts.at(-n) ?? "";
  }

  // Read aloud in one piece at most every 300 ms: one by one, screen readers speak only the last.
  say(text, kind) {
    const how = this.options.settings.aloud;
    if (kind === "own" || how === "nothing" || !/[\p{L}\p{N}]/u.test(text)) return;
    if (how === "calls" && !this.calls(text)) return;
    this.spoken.push(text);
    this.speaking ||= setTimeout(() => {
      this.speaking = 0;
      const lines = this.spoken.splice(0);
      const paragraph = element("p", "", sentences(lines.slice(-ALOUD_MAX)));
      this.aloud.append(paragraph);
      while (this.aloud.childElementCount > 20) this.aloud.firstElementChild.remove();
    }, ALOUD_WAIT);
  }

  clear() {
    this.root.replaceChildren();
    this.kept = [];
    this.day = "";
  }

  save() { return this.kept; }
  restore(kept) { for (const [raw, kind, at] of kept) this.line(raw, kind, at, true); }

  get all() {
    return [...this.root.children].map((line) => (line.dataset.time ? `${line.dataset.time} ` : "") + line.textContent).join("\n");
  }
}

export function element(tag, classes = "", text = "") {
  const node = document.createElement(tag);
  if (classes) node.className = classes.trim();
  if (text) node.textContent = text;
  return node;
}

export function hue(name) {
  let hash = 0;
  for (const letter of name.toLowerCase()) hash = (hash * 31 + letter.codePointAt(0)) >>> 0;
  return hash % 12;
}

export function mentions(text, name) {
  if (!name) return false;
  const escaped = name.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
  return new RegExp(`(?<![\\p{L}\\p{N}_])${escaped}(?![\\p{L}\\p{N}_])`, "iu").test(text);
}

function paint(node, style) {
  let { fg, bg } = style;
  if (style.inverse) [fg, bg] = [bg ?? "paper", fg ?? "ink"];
  if (typeof fg === "number") node.classList.add(`a${style.bold && fg < 8 ? fg + 8 : fg}`);
  else if (Array.isArray(fg)) node.style.color = readable(fg, isDark());
  else if (fg) node.classList.add(`fg-${fg}`);
  if (typeof bg === "number") node.classList.add(`b${bg % 8}`);
  else if (Array.isArray(bg)) { node.style.backgroundColor = `rgb(${bg.join(" ")})`; node.style.color = bg[0] + bg[1] + bg[2] > 380 ? "#111" : "#fff"; }
  else if (bg) node.classList.add(`bg-${bg}`);
  for (const name of ["bold", "faint", "italic", "underline", "strike"]) if (style[name]) node.classList.add(name);
}

export function isDark() {
  const theme = document.documentElement.dataset.theme;
  return theme ? theme === "dark" : !matchMedia("(prefers-color-scheme: light)").matches;
}
