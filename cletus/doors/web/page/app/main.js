// Joins the parts: bytes to text, text to the log, GMCP to the panel, what is typed to the wire.
import { Telnet } from "./telnet.js";
import { forget, handOver, handedOver, save, visit, wire } from "./session.js";
import { LINE, SECRET } from "./wire.js";
import { Log, element, isDark } from "./log.js";
import { Input } from "./input.js";
import { Panel } from "./panel.js";
import { Settings } from "./settings.js";
import { fill, say } from "./words.js";

const VERSION = "1";
const SUPPORTS = ["Char 1", "Char.Login 2", "Room 1", "Comm.Channel 1", "Client.Media 1", "Cletus 1"];
const INSIDE_AFTER = 700;
const get = (id) => document.getElementById(id);

fill(document);
const settings = new Settings((name) => {
  if (name === "reader") announceTerminal();
  if (name === "signedIn") storeToken();
});
let telnet = newTelnet();
let state = "connecting";
let pinged = 0;
let loggedIn = false;
let nameQuestion = "";
let answered = ""; // the question that the latest line answers
let leaving = false;
let channel = null;

const log = new Log(get("log"), get("aloud"), get("newer"), { names: () => panel.names, me: () => panel.me, settings });
const input = new Input({
  submit, commands: () => panel.commands, names: () => [...panel.names].sort(),
  resize: () => { if (log.follows) log.toEnd(); },
});
const panel = new Panel({
  command: (text, plain) => { submit(plain ? `.${text}` : text, false); openPanel(false); }, channel: showChannel, people: drawState,
  aloud: (text) => get("aloud").append(element("p", "", text)),
  news: (is) => { if (document.body.dataset.panel !== "open") get("panel-button").dataset.news = is; },
});

function newTelnet() {
  const bits = 1 + 4 + 8 + 256 + (settings.reader ? 64 : 0);
  return new Telnet({ types: ["CLETUS", "XTERM-TRUECOLOR", `MTTS ${bits}`], size: columns });
}

// The service knows nothing of what this page was in the middle of.
function startAgain(why) {
  if (why !== "closed") notice("visit", say(why === "away" ? "newVisit" : "serviceRestarted"));
  loggedIn = false;
  answered = "";
  input.hide(false);
  input.question("", placeholder());
  log.partial = "";
  panel.clear();
  stage("door");
}

// What could not be kept over a cut is counted, in both directions, and said.
function missed(lost, unsent) {
  if (lost) {
    notice("lost", say("lost", { n: lost }));
    if (telnet.speaksGmcp) wire.send(telnet.gmcp("Core.Supports.Set", SUPPORTS)); // the room and the people may be among it
  }
  if (unsent) {
    notice("unsent", say("unsent", { n: unsent }));
    if (!input.asked && answered) input.question(answered, placeholder());
  }
}

function announceTerminal() {
  // MTTS can be said again by nobody who was not asked: the next visit says it. GMCP can.
  if (telnet.speaksGmcp) wire.send(telnet.gmcp("Client.Info", { screenReader: settings.reader }));
}

function columns() {
  const width = get("log").clientWidth - 40 || 640;
  return [Math.max(20, Math.min(200, Math.floor(width / 9))), Math.max(10, Math.floor(innerHeight / 24))];
}

function received(bytes) {
  const { events, reply } = telnet.receive(bytes);
  wire.send(reply);
  for (const event of events) {
    if (event.text !== undefined) said(event.text);
    else if (event.prompt) prompted();
    else if (event.echo !== undefined) input.hide(event.echo);
    else if (event.mark) wire.at = event.mark;
    else if (event.ready) {
      wire.send(telnet.gmcp("Core.Hello", { client: "Cletus", version: VERSION }));
      wire.send(telnet.gmcp("Core.Supports.Set", SUPPORTS));
    } else if (event.gmcp) message(event.gmcp, event.data);
  }
}

function said(text) {
  const before = log.kept.length;
  log.text(text);
  if (log.kept.length !== before) called();
  comeInUnasked();
}

// A service that asks nothing (an echo server) has no door to show.
function comeInUnasked() {
  clearTimeout(comeInUnasked.timer);
  comeInUnasked.timer = setTimeout(() => { if (!input.asked && !log.partial && state === "connected") stage("inside"); }, INSIDE_AFTER);
}

function prompted() {
  const prompt = log.takePrompt();
  input.question(prompt, placeholder());
}

function placeholder() { return channel ? say("sayOn", { channel: channel.caption ?? channel.name }) : say("say"); }

function message(name, data) {
  const lower = name.toLowerCase();
  if (lower === "core.ping") { pinged = 0; return; }
  if (lower === "core.goodbye") { notice("goodbye", String(data ?? "")); return; }
  if (lower.startsWith("client.media.")) { media(lower, data ?? {}); return; }
  if (lower.startsWith("char.login.")) { login(lower, data ?? {}); return; }
  panel.gmcp(name, data);
  if (lower === "char.name" && data?.name) { loggedIn = true; stage("inside"); input.account.value = data.name; }
}

// Staying signed in: the service gives a token for the next visit, if the person wants that.
const TOKEN = "token";
function login(name, data) {
  if (name === "char.login.default" && settings.signedIn) {
    storeToken();
    const kept = JSON.parse(localStorage.getItem(TOKEN) ?? "null");
    if (kept) wire.send(telnet.gmcp("Char.Login.Reconnect", { ...kept, device: "browser" }));
  } else if (name === "char.login.token" && settings.signedIn) {
    localStorage.setItem(TOKEN, JSON.stringify({ account: data.account, token: data.token }));
  } else if (name === "char.login.result" && data.success === false) {
    localStorage.removeItem(TOKEN);
  }
}
function storeToken() {
  if (!settings.signedIn) localStorage.removeItem(TOKEN);
  if (telnet.speaksGmcp) wire.send(telnet.gmcp("Char.Login.Credentials", { token_storage: settings.signedIn, device: "browser" }));
}

function submit(line, hidden) {
  const text = channel && !hidden && line.trim() && !/^[./]/.test(line) && channel.command ? `${channel.command} ${line}` : line;
  wire.send(telnet.line(text), hidden ? SECRET : LINE);
  const asked = answered = input.asked;
  if (asked) log.line(`${asked} ${hidden ? say("hidden") : line}`, "own");
  else if (!hidden && line.trim()) log.line(line, "own");
  // The first question is that of the name; it comes again after a wrong password.
  if (asked && !hidden && !loggedIn && asked === (nameQuestion ||= asked)) input.account.value = line.trim();
  input.question("", placeholder());
  log.toEnd();
}

function showChannel(shown) {
  const turned = channel?.name !== shown?.name;
  channel = shown;
  document.body.dataset.channel = channel ? channel.name : "";
  if (turned && !input.asked) input.question("", placeholder());
  let view = get("channel-log");
  if (!channel) { view?.remove(); get("log").hidden = false; log.toEnd(); return; }
  if (!view) {
    view = element("section");
    view.id = "channel-log";
    view.tabIndex = 0;
    get("log").after(view);
  }
  view.setAttribute("aria-label", `# ${channel.caption ?? channel.name}`);
  get("log").hidden = true;
  const topic = channel.topic ? [element("p", "topic", channel.topic)] : [];
  view.replaceChildren(...topic, ...channel.lines.map(([text, talker, at]) => log.rendered({ pieces: [{ text, style: {} }], text, kind: talker === panel.me ? "own" : "", at })));
  view.scrollTop = view.scrollHeight;
}

// -- being called -------------------------------------------------------------------------

function called() {
  const text = log.latest(1);
  const last = log.kept.at(-1);
  const line = last && last[1] !== "own" ? log.waiting.at(-1)?.text ?? text : "";
  if (!document.hidden || !log.calls(line)) { if (document.hidden) unread(); return; }
  unread();
  if (settings.sound) beep();
  if (settings.notify && globalThis.Notification?.permission === "granted") new Notification(document.title, { body: line, tag: "called", icon: "/icon.svg" });
}

let unreadCount = 0;
function unread() {
  if (!unreadCount) log.marker();
  unreadCount++;
  drawState();
}

function beep() {
  try {
    const audio = beep.context ??= new AudioContext();
    const tone = audio.createOscillator(), volume = audio.createGain();
    tone.frequency.value = 660;
    volume.gain.setValueAtTime(0.08, audio.currentTime);
    volume.gain.exponentialRampToValueAtTime(0.0001, audio.currentTime + 0.4);
    tone.connect(volume).connect(audio.destination);
    tone.start();
    tone.stop(audio.currentTime + 0.4);
  } catch { /* no sound card is not a reason to fail */ }
}

// Client.Media: sounds from this service alone; the policy of the page lets no others in.
const players = new Map();
function media(name, data) {
  const key = data.key ?? data.name ?? "";
  if (name === "client.media.stop") {
    for (const [id, player] of players) if (!data.name && !data.key || id === key) { player.pause(); players.delete(id); }
  } else if (name === "client.media.play" && settings.sound && data.name) {
    const player = new Audio(new URL(data.name, location.origin).pathname);
    player.volume = Math.min(1, Math.max(0, (data.volume ?? 50) / 100));
    player.loop = data.loops === -1;
    players.get(key)?.pause();
    players.set(key, player);
    player.play().catch(() => {});
  }
}

// -- what is shown of the connection ------------------------------------------------------------

function setState(next) {
  if (next === state && next !== "connecting") return; // another try: the notice of the first is on its way
  state = next;
  document.body.dataset.state = next;
  drawState();
  const words = { reconnecting: "reconnecting", stopping: "stopping", offline: "offline", taken: "taken", gone: "gone" }[next];
  if (!words) { clearNotice("state"); return; }
  const button = { taken: "takenBack", gone: "reconnect" }[next];
  clearTimeout(setState.timer);
  // A cut that is mended at once is nobody's concern.
  setState.timer = setTimeout(() => { if (state === next) notice("state", say(words), button && say(button), next === "taken" ? takeBack : () => { wire.over = false; wire.connect(); }); }, button ? 0 : 1200);
}

// The other window knows what was said meanwhile: this one goes on with that, as after F5.
async function takeBack() {
  const theirs = await handedOver(wire.secret, false);
  if (!theirs) { wire.over = false; wire.connect(); return; }
  theirs.wire.waiting.push(...wire.save().waiting.filter(({ is }) => is)); // lines that were typed here since
  save(theirs);
  leaving = true;
  location.reload();
}

function drawState() {
  const others = panel.count - (panel.me ? 1 : 0);
  const people = !loggedIn && !panel.count ? "" : others < 1 ? say("aboutNobody") : panel.count === 1 ? say("aboutOne") : say("about", { n: panel.count });
  const word = { connected: "connected", connecting: "connecting" }[state] ?? "connecting";
  // The dot says that it is connected; a phone has room for one of the two.
  get("state-text").textContent = state === "connected" && people ? people : say(word);
  document.title = (unreadCount ? `(${unreadCount}) ` : "") + get("name").textContent;
}

function stage(name) {
  if (document.body.dataset.stage === name) return;
  document.body.dataset.stage = name;
  requestAnimationFrame(() => { log.fit(); log.toEnd(); wire.send(telnet.resized()); });
}

function notice(id, text, button = "", act = null) {
  clearNotice(id);
  const line = element("p", "notice");
  line.dataset.id = id;
  line.append(element("span", "", text));
  if (button) { const press = element("button", "plain", button); press.type = "button"; press.addEventListener("click", () => { clearNotice(id); act(); }); line.append(press); }
  else { const close = element("button", "plain", say("close")); close.type = "button"; close.addEventListener("click", () => line.remove()); line.append(close); }
  get("notices").append(line);
}

function clearNotice(id) { get("notices").querySelector(`[data-id="${id}"]`)?.remove(); }

// -- the page was edited ---------------------------------------------------------------------------

let files = null;
function pageChanged({ files: now }) {
  const changed = files ? Object.keys(now).filter((name) => files[name] !== now[name]) : [];
  files = now;
  for (const link of document.querySelectorAll("link[rel=stylesheet]")) {
    const path = new URL(link.href).pathname;
    if (!changed.includes(path)) continue;
    const fresh = link.cloneNode();
    fresh.href = `${path}?${now[path].replace(/\W/g, "")}`;
    fresh.addEventListener("load", () => link.remove());
    link.after(fresh);
  }
  if (changed.some((name) => /^\/(app\/|index\.html)/.test(name))) notice("page", say("newPage"), say("newPageLoad"), () => location.reload());
}

// -- keys and sizes -------------------------------------------------------------------------------

document.addEventListener("keydown", (event) => {
  if (document.querySelector("dialog[open]")) return;
  if (event.key === "F6") { event.preventDefault(); turnPart(event.shiftKey ? -1 : 1); return; }
  if (event.key === "Escape") { if (document.body.dataset.panel === "open") openPanel(false); if (!get("find").hidden) closeFind(); input.focus(); return; }
  if (event.altKey && /^[0-9]$/.test(event.key)) { event.preventDefault(); get("aloud").append(element("p", "", log.latest(Number(event.key) || 10))); return; }
  if ((event.ctrlKey || event.metaKey) && event.shiftKey && event.key.toLowerCase() === "f") { event.preventDefault(); openFind(); return; }
  const view = get("channel-log") ?? get("log");
  if (event.key === "PageUp" || event.key === "PageDown") { event.preventDefault(); view.scrollBy(0, (event.key === "PageUp" ? -0.9 : 0.9) * view.clientHeight); return; }
  const active = document.activeElement;
  const types = !active || active === document.body || active === get("log") || active.id === "channel-log";
  if (types && event.key.length === 1 && !event.ctrlKey && !event.metaKey && !event.altKey && event.key !== " ") input.focus();
});

function turnPart(step) {
  const parts = [input.field, get("channel-log") ?? get("log"), ...(get("tabs").hidden ? [] : [get("tabs").querySelector("[aria-selected=true]")]), ...(get("panel").querySelector(".card:not([hidden])") ? [get("panel")] : []), get("panel-button")].filter((part) => part && part.offsetParent !== null);
  const at = parts.findIndex((part) => part === document.activeElement || part.contains(document.activeElement));
  const next = parts.at((at + step + parts.length) % parts.length);
  if (next === get("panel")) next.tabIndex = -1;
  next.focus();
}

function openPanel(open) {
  document.body.dataset.panel = open ? "open" : "closed";
  get("panel-button").setAttribute("aria-expanded", String(open));
  if (open) delete get("panel-button").dataset.news;
}
get("talk").addEventListener("pointerdown", () => openPanel(false)); // beside the sheet of a phone
get("panel-button").addEventListener("click", () => openPanel(document.body.dataset.panel !== "open"));
get("theme-button").addEventListener("click", () => settings.turnTheme(isDark()));
get("settings-button").addEventListener("click", () => { settings.fill(get("settings-fields")); get("settings").showModal(); });
get("find-button").addEventListener("click", openFind);
get("find-close").addEventListener("click", closeFind);
get("find-text").addEventListener("input", () => { get("find-count").textContent = say("found", { n: log.find(get("find-text").value) }); });
get("find").addEventListener("submit", (event) => event.preventDefault());
get("leave").addEventListener("click", () => { get("settings").close(); forget(); if (settings.signedIn) settings.set("signedIn", false); wire.end(); });
get("save-log").addEventListener("click", () => {
  const link = element("a");
  link.href = URL.createObjectURL(new Blob([log.all], { type: "text/plain" }));
  link.download = `${document.title}.txt`;
  link.click();
  URL.revokeObjectURL(link.href);
});
function openFind() { get("find").hidden = false; get("find-text").focus(); }
function closeFind() { get("find").hidden = true; log.find(""); log.toEnd(); input.focus(); }

let resizing = 0;
addEventListener("resize", () => { clearTimeout(resizing); resizing = setTimeout(() => wire.send(telnet.resized()), 300); });
visualViewport?.addEventListener("resize", () => document.documentElement.style.setProperty("--height", `${visualViewport.height}px`));
for (const event of ["online", "pageshow", "focus"]) addEventListener(event, () => wire.wake());
addEventListener("offline", () => setState("offline"));
document.addEventListener("visibilitychange", () => {
  if (document.hidden) { remember(); return; } // a phone may end the page now, and says nothing more
  forget();
  unreadCount = 0;
  drawState();
  wire.wake();
});

// -- a visit survives F5 ----------------------------------------------------------------------------

function remember() {
  if (leaving) return;
  if (!wire.secret || wire.over) { forget(); return; }
  save(whole(wire.save()));
}
function whole(wire) {
  return { wire, telnet: telnet.save(), log: log.save(), partial: log.partial, input: input.save(), panel: panel.save(), stage: document.body.dataset.stage, loggedIn, answered, account: input.account.value };
}
addEventListener("pagehide", remember);

function goOn() {
  forget();
  if (!visit) return;
  try {
    telnet.restore(visit.telnet);
    ({ loggedIn, answered } = visit);
    input.account.value = visit.account;
    panel.restore(visit.panel);
    log.restore(visit.log);
    log.partial = visit.partial;
    stage(visit.stage);
    input.restore(visit.input);
  } catch (error) { console.error(error); }
}

async function begin() {
  goOn();
  handOver(whole);
  wire.listen({
    data: received, state: setState,
    fresh: (why, unsent) => { telnet = newTelnet(); if (why) startAgain(why); missed(0, unsent); comeInUnasked(); },
    resumed: missed,
    moved: (lost, unsent) => { telnet = newTelnet(); input.hide(false); missed(lost, unsent); },
    files: pageChanged,
    silent: () => { if (!telnet.speaksGmcp) return false; pinged = Date.now(); wire.send(telnet.gmcp("Core.Ping")); return true; },
  });
  input.focus();
  try {
    const status = await (await fetch("/status")).json();
    if (status.NAME) { get("name").textContent = status.NAME; document.title = status.NAME; }
    drawState();
  } catch { /* the page works without */ }
  if (isSecureContext) navigator.serviceWorker?.register("/sw.js").catch(() => {});
}
begin();
