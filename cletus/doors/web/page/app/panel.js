// The room, the people and the channels, as GMCP tells them; and the author's panel.
import { element, hue } from "./log.js";
import { exitName, say } from "./words.js";

const ARROWS = { n: "↑", s: "↓", e: "→", w: "←", ne: "↗", nw: "↖", se: "↘", sw: "↙", u: "⤒", d: "⤓", in: "⇥", out: "⇤" };
const RELOADS_MAX = 12, CHANNEL_LINES_MAX = 500;

export class Panel {
  // on: {command(text), channel(channel or null), people(), aloud(text), news("good" or "bad")}
  constructor(on) {
    this.on = on;
    this.me = "";
    this.room = null;
    this.here = new Map();
    this.everybody = [];
    this.channels = new Map();
    this.commands = [];
    this.reloads = [];
    this.tabs = document.getElementById("tabs");
    this.current = null;
    document.getElementById("rollback").addEventListener("click", () => on.command("rollback", true));
    this.tabs.addEventListener("keydown", (event) => this.key(event));
  }

  // A message; returns whether it was one for the panel.
  gmcp(name, data) {
    switch (name.toLowerCase()) {
      case "char.name": this.me = data.name; break;
      case "room.info": this.room = data; this.drawRoom(); break;
      case "room.players": this.here = new Map(data.map((person) => [person.name, person])); this.drawPeople(); break;
      case "room.addplayer": this.here.set(data.name, data); this.drawPeople(); break;
      case "room.removeplayer": this.here.delete(data); this.drawPeople(); break;
      case "comm.channel.players": this.everybody = data; this.drawPeople(); break;
      case "comm.channel.list": this.setChannels(data); break;
      case "comm.channel.text": this.spoken(data); break;
      case "cletus.commands": this.commands = data; break;
      case "cletus.generation": this.generation(data); break;
      case "cletus.reload": this.reloaded(data); break;
      default: return false;
    }
    return true;
  }

  get names() {
    const names = new Set(this.here.keys());
    for (const { name } of this.everybody) names.add(name);
    return names;
  }

  get count() { return Math.max(this.everybody.length, this.here.size); }

  drawRoom() {
    const card = document.getElementById("room");
    card.hidden = !this.room?.name;
    if (card.hidden) return;
    document.getElementById("room-name").textContent = this.room.name;
    document.getElementById("room-text").textContent = this.room.desc ?? "";
    const commands = this.room.commands ?? {};
    document.getElementById("exits").replaceChildren(...Object.keys(this.room.exits ?? {}).map((exit) => {
      const button = element("button", "exit");
      button.type = "button";
      const arrow = element("span", "arrow", ARROWS[exit] ?? "•");
      arrow.setAttribute("aria-hidden", "true");
      button.append(arrow, exitName(exit));
      button.addEventListener("click", () => this.on.command(commands[exit] ?? exit));
      return button;
    }));
  }

  drawPeople() {
    const here = [...this.here.values()];
    const status = new Map(this.everybody.map((person) => [person.name, person]));
    this.list("here", here.map((person) => ({ ...person, ...status.get(person.name) })), "hereWith");
    this.list("elsewhere", this.everybody.filter((person) => !this.here.has(person.name)), "elsewhere");
    this.on.people();
  }

  list(id, people, title) {
    const card = document.getElementById(id);
    const others = people.filter((person) => person.name !== this.me);
    card.hidden = !others.length;
    card.querySelector("h2").textContent = say(title, { n: others.length });
    card.querySelector("ul").replaceChildren(...others.map((person) => {
      const item = element("li", person.away ? "away" : "");
      const badge = element("span", `badge n${hue(person.name)}`, [...person.name][0]);
      badge.setAttribute("aria-hidden", "true");
      const words = element("span", "words");
      words.append(element("span", "person", person.name));
      const full = person.fullname && person.fullname !== person.name ? person.fullname.replace(person.name, "").trim() : "";
      const text = person.away ? `${say("away")}${typeof person.away === "string" ? `: ${person.away}` : ""}` : person.status || full;
      if (text) { const line = element("small", "", text); line.dir = "auto"; words.append(line); }
      item.append(badge, words);
      return item;
    }));
  }

  setChannels(list) {
    const old = this.channels;
    this.channels = new Map(list.map((channel) => [channel.name, { lines: [], unread: 0, ...old.get(channel.name), ...channel }]));
    if (this.current && !this.channels.has(this.current)) this.show(null);
    this.drawTabs();
  }

  spoken({ channel, talker, text }) {
    const known = this.channels.get(channel);
    if (!known) return;
    known.lines.push([text, talker, Date.now()]);
    if (known.lines.length > CHANNEL_LINES_MAX) known.lines.shift();
    if (this.current !== channel && talker !== this.me) known.unread++;
    this.drawTabs();
    if (this.current === channel) this.on.channel(known);
  }

  show(name) {
    this.current = name;
    const channel = name ? this.channels.get(name) : null;
    if (channel) channel.unread = 0;
    this.drawTabs();
    this.on.channel(channel);
  }

  drawTabs() {
    const entries = [[null, say("everything"), 0], ...[...this.channels.values()].map((c) => [c.name, `# ${c.caption ?? c.name}`, c.unread])];
    this.tabs.hidden = entries.length < 2;
    const focused = this.tabs.contains(document.activeElement);
    this.tabs.replaceChildren(...entries.map(([name, title, unread]) => {
      const tab = element("button", "tab", title);
      tab.type = "button";
      tab.setAttribute("role", "tab");
      tab.setAttribute("aria-selected", String(name === this.current));
      tab.setAttribute("aria-controls", "log");
      tab.tabIndex = name === this.current ? 0 : -1;
      if (unread) { const count = element("span", "unread", String(unread)); count.setAttribute("aria-label", say("unread", { n: unread })); tab.append(count); }
      tab.addEventListener("click", () => this.show(name));
      return tab;
    }));
    if (focused) this.tabs.querySelector("[aria-selected=true]")?.focus();
  }

  key(event) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const names = [null, ...this.channels.keys()];
    this.show(names.at((names.indexOf(this.current) + step) % names.length));
    this.tabs.querySelector("[aria-selected=true]").focus();
  }

  // Which code runs, and the reloads before; who is told of it is one who may reload.
  generation({ generation, reloads = [] }) {
    document.getElementById("author").hidden = false;
    document.getElementById("generation").textContent = say("generation", { n: generation });
    if (this.reloads.length) return;
    for (const data of [...reloads].reverse()) this.reloaded(data, true);
  }

  // Somebody else may use this page now: nothing of the one before stays.
  clear() {
    this.me = "";
    this.room = null;
    this.here = new Map();
    this.everybody = [];
    this.commands = [];
    this.reloads = [];
    this.setChannels([]);
    this.drawRoom();
    this.drawPeople();
    document.getElementById("author").hidden = true;
    document.getElementById("reloads").replaceChildren();
  }

  // Each reload as it happens, for those who may reload.
  reloaded(data, quiet = false) {
    const card = document.getElementById("author");
    card.hidden = false;
    document.getElementById("generation").textContent = say("generation", { n: data.generation });
    const item = element("li", data.ok ? "good" : "bad");
    const [first, ...rest] = data.title.split(": ");
    const title = data.ok ? rest.join(": ") || first : data.title;
    const head = element("h3", "", say(data.ok ? "reloaded" : "reloadFailed", { n: data.generation }));
    item.append(head, element("p", "title", title));
    if (data.details?.length) {
      const list = element("ul", "warnings");
      list.append(...data.details.map((text) => element("li", "", text)));
      item.append(list);
    }
    for (const frame of data.frames ?? []) {
      item.append(element("p", "where", say("reloadWhere", frame)));
      if (!frame.code) continue;
      item.append(element("code", "", frame.code.trim()));
    }
    const list = document.getElementById("reloads");
    list.prepend(item);
    while (list.childElementCount > RELOADS_MAX) list.lastElementChild.remove();
    this.reloads = [data, ...this.reloads].slice(0, RELOADS_MAX);
    if (quiet) return;
    this.on.news(data.ok ? "good" : "bad");
    this.on.aloud([head, ...item.querySelectorAll("p, code")].map((part) => part.textContent).join(". "));
  }

  save() {
    return { me: this.me, room: this.room, here: [...this.here.values()], everybody: this.everybody, channels: [...this.channels.values()], commands: this.commands, current: this.current, reloads: this.reloads };
  }
  restore(saved) {
    this.me = saved.me;
    this.room = saved.room;
    this.here = new Map(saved.here.map((person) => [person.name, person]));
    this.everybody = saved.everybody;
    this.channels = new Map(saved.channels.map((channel) => [channel.name, channel]));
    this.commands = saved.commands;
    for (const data of [...saved.reloads].reverse()) this.reloaded(data, true);
    this.drawRoom();
    this.drawPeople();
    this.show(saved.current);
  }
}
