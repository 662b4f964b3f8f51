// What a person has chosen, kept by their browser.
import { element } from "./log.js";
import { say } from "./words.js";

const DEFAULTS = { theme: "", letters: "book", size: 16, times: false, names: true, sound: false, notify: false, aloud: "all", reader: false, signedIn: false };
const FIELDS = [
  ["theme", "select", [["", "themeAuto"], ["dark", "themeDark"], ["light", "themeLight"]]],
  ["letters", "select", [["book", "lettersBook"], ["typewriter", "lettersTypewriter"]]],
  ["size", "range", [13, 26]],
  ["times", "check"], ["names", "check"], ["sound", "check"], ["notify", "check"],
  ["aloud", "select", [["all", "aloudAll"], ["calls", "aloudCalls"], ["nothing", "aloudNothing"]]],
  ["reader", "check"], ["signedIn", "check"],
];

export class Settings {
  constructor(changed) {
    Object.assign(this, DEFAULTS);
    try { Object.assign(this, JSON.parse(localStorage.getItem("settings") ?? "{}")); } catch { /* private windows have none */ }
    this.changed = changed;
    this.apply();
  }

  set(name, value) {
    this[name] = value;
    const values = Object.fromEntries(Object.keys(DEFAULTS).map((key) => [key, this[key]]));
    try { localStorage.setItem("settings", JSON.stringify(values)); } catch { /* then it holds for this visit */ }
    this.apply();
    this.changed(name);
  }

  apply() {
    const root = document.documentElement;
    if (this.theme) root.dataset.theme = this.theme; else delete root.dataset.theme;
    root.dataset.letters = this.letters;
    root.style.setProperty("--size", `${this.size}px`);
    root.toggleAttribute("data-times", this.times);
  }

  turnTheme(dark) { this.set("theme", dark ? "light" : "dark"); }

  fill(parent) {
    parent.replaceChildren(...FIELDS.map(([name, type, choices]) => {
      const label = element("label", type);
      let field;
      if (type === "select") {
        field = element("select");
        field.append(...choices.map(([value, word]) => { const option = element("option", "", say(word)); option.value = value; return option; }));
        field.value = this[name];
      } else {
        field = element("input");
        field.type = type === "range" ? "range" : "checkbox";
        if (type === "range") { [field.min, field.max] = choices; field.value = this[name]; } else field.checked = this[name];
      }
      field.addEventListener("change", async () => {
        let value = type === "check" ? field.checked : type === "range" ? Number(field.value) : field.value;
        if (name === "notify" && value) value = field.checked = (await Notification?.requestPermission?.()) === "granted";
        this.set(name, value);
      });
      const words = element("span", "", say({ reader: "reader", size: "size" }[name] ?? name));
      label.append(...(type === "check" ? [field, words] : [words, field]));
      return label;
    }));
  }
}
