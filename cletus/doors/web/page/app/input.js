// What is typed: one line for everything, a password field when the service hides it.
import { element } from "./log.js";
import { say } from "./words.js";

const HISTORY_MAX = 200;

export class Input {
  // on: {submit(text, hidden), names(), commands(), resize()}
  constructor(on) {
    this.on = on;
    this.form = document.getElementById("composer");
    this.entry = document.getElementById("entry");
    this.secret = document.getElementById("secret");
    this.reveal = document.getElementById("reveal");
    this.label = document.getElementById("question");
    this.choices = document.getElementById("choices");
    this.hint = document.getElementById("hint");
    this.account = document.getElementById("account");
    this.hidden = false;
    this.history = [];
    this.back = 0;
    this.draft = "";
    this.form.addEventListener("submit", (event) => { event.preventDefault(); this.submit(); });
    this.entry.addEventListener("keydown", (event) => this.key(event));
    this.entry.addEventListener("input", () => { this.grow(); this.suggest(); });
    this.entry.addEventListener("paste", (event) => this.paste(event));
    this.entry.addEventListener("blur", () => setTimeout(() => this.dismiss(), 150));
    this.reveal.addEventListener("click", () => this.show(this.secret.type === "password"));
    this.question("");
  }

  get field() { return this.hidden ? this.secret : this.entry; }
  focus() { this.field.focus({ preventScroll: true }); }

  question(text, placeholder = say("say")) {
    this.asked = text.trim();
    this.label.textContent = this.asked;
    this.entry.placeholder = this.asked ? "" : placeholder;
    this.entry.setAttribute("aria-label", this.asked || placeholder);
    if (!this.asked) this.label.textContent = "";
  }

  hide(hidden) {
    if (hidden === this.hidden) return;
    const had = document.activeElement === this.field || document.activeElement === document.body;
    this.hidden = hidden;
    this.entry.hidden = hidden;
    this.secret.hidden = this.reveal.hidden = !hidden;
    this.label.htmlFor = hidden ? "secret" : "entry";
    this.secret.value = "";
    this.show(false);
    this.dismiss();
    if (had) this.focus();
  }

  show(visible) {
    this.secret.type = visible ? "text" : "password";
    this.reveal.setAttribute("aria-pressed", String(visible));
    this.reveal.textContent = say(visible ? "hide" : "show");
  }

  submit() {
    const text = this.field.value;
    this.dismiss();
    if (!this.hidden) {
      if (text.trim() && text !== this.history.at(-1)) this.history.push(text);
      if (this.history.length > HISTORY_MAX) this.history.shift();
    }
    this.back = 0;
    this.draft = "";
    this.field.value = "";
    this.grow();
    const hidden = this.hidden;
    for (const line of text.split("\n")) this.on.submit(line, hidden);
  }

  key(event) {
    if (event.isComposing) return;
    if (this.open) {
      if (event.key === "ArrowDown" || event.key === "ArrowUp") { event.preventDefault(); this.choose(event.key === "ArrowDown" ? 1 : -1); return; }
      if (event.key === "Tab" || (event.key === "Enter" && this.chosen >= 0)) { event.preventDefault(); this.take(Math.max(0, this.chosen)); return; }
      if (event.key === "Escape") { event.stopPropagation(); this.dismiss(); return; }
    }
    if (event.key === "Enter" && !event.shiftKey) { event.preventDefault(); this.submit(); return; }
    if (event.key === "Tab" && !event.shiftKey && this.entry.value && this.suggest(true)) { event.preventDefault(); return; }
    const oneLine = !this.entry.value.includes("\n");
    if (event.key === "ArrowUp" && (oneLine || this.entry.selectionStart === 0)) { event.preventDefault(); this.recall(1); }
    if (event.key === "ArrowDown" && this.back && (oneLine || this.entry.selectionStart === this.entry.value.length)) { event.preventDefault(); this.recall(-1); }
  }

  recall(step) {
    const back = Math.min(this.history.length, Math.max(0, this.back + step));
    if (back === this.back) return;
    if (!this.back) this.draft = this.entry.value;
    this.back = back;
    this.entry.value = back ? this.history.at(-back) : this.draft;
    this.grow();
  }

  paste(event) {
    const text = event.clipboardData?.getData("text/plain").replace(/\r\n?/g, "\n").replace(/\n+$/, "") ?? "";
    const lines = text.split("\n");
    if (lines.length < 2) return;
    event.preventDefault();
    const dialog = document.getElementById("paste");
    document.getElementById("paste-title").textContent = say("pasteTitle", { n: lines.length });
    document.getElementById("paste-text").textContent = text.slice(0, 4000);
    dialog.returnValue = "";
    dialog.onclose = () => {
      if (dialog.returnValue === "all") { this.entry.value += text; this.submit(); }
      else if (dialog.returnValue === "one") { this.entry.setRangeText(lines.map((line) => line.trim()).join(" "), this.entry.selectionStart, this.entry.selectionEnd, "end"); this.grow(); }
      this.focus();
    };
    dialog.showModal();
  }

  grow() {
    this.entry.style.height = "auto";
    this.entry.style.height = `${Math.min(this.entry.scrollHeight, innerHeight * 0.35)}px`;
    this.on.resize();
  }

  // Names after @ or anywhere on Tab, commands at the beginning.
  suggest(tab = false) {
    const before = this.entry.value.slice(0, this.entry.selectionStart);
    const match = /(^[./]\S*|@[^\s@]*|[\p{L}\p{N}_-]+)$/u.exec(before);
    if (!match) { this.dismiss(); return false; }
    const word = match[1];
    const first = word[0];
    const isCommand = match.index === 0 && (first === "." || first === "/");
    if (!isCommand && first !== "@" && !tab) { this.dismiss(); return false; }
    const wanted = word.replace(/^@/, "").toLocaleLowerCase();
    const list = isCommand
      ? this.on.commands().filter((command) => command.name.toLocaleLowerCase().startsWith(wanted))
      : this.on.names().filter((name) => name.toLocaleLowerCase().startsWith(wanted)).map((name) => ({ name, help: "" }));
    if (!list.length || (list.length === 1 && list[0].name === word)) { this.dismiss(); return false; }
    this.from = match.index;
    this.options = list.slice(0, 8);
    this.chosen = -1;
    this.choices.replaceChildren(...this.options.map(({ name, help }, index) => {
      const item = element("li", "", name);
      item.id = `choice-${index}`;
      item.setAttribute("role", "option");
      item.setAttribute("aria-selected", "false");
      if (help) item.append(element("small", "", help));
      item.addEventListener("pointerdown", (event) => { event.preventDefault(); this.take(index); });
      return item;
    }));
    this.choices.hidden = false;
    this.entry.setAttribute("aria-controls", "choices");
    if (tab && this.options.length === 1) this.take(0);
    return true;
  }

  get open() { return !this.choices.hidden; }

  choose(step) {
    this.chosen = (this.chosen + step + this.options.length) % this.options.length;
    [...this.choices.children].forEach((item, index) => item.setAttribute("aria-selected", String(index === this.chosen)));
    this.entry.setAttribute("aria-activedescendant", `choice-${this.chosen}`);
  }

  take(index) {
    const { name } = this.options[index];
    const end = this.entry.selectionStart;
    this.entry.setRangeText(`${name} `, this.from, end, "end");
    this.dismiss();
    this.grow();
    this.focus();
  }

  dismiss() {
    this.choices.hidden = true;
    this.entry.removeAttribute("aria-activedescendant");
    this.entry.removeAttribute("aria-controls");
  }

  save() { return { draft: this.hidden ? "" : this.entry.value, history: this.history.slice(-50), hidden: this.hidden, asked: this.asked }; }
  restore(saved) {
    this.history = saved.history;
    this.entry.value = saved.draft;
    this.question(saved.asked);
    this.hide(saved.hidden);
    this.grow();
  }
}
