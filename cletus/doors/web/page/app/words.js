// Every word that the page itself says, in one table. A web_folder with app/words.js of its own translates it.
export const WORDS = {
  about: "{n} people here",
  aboutOne: "1 person here",
  aboutNobody: "nobody else here yet",
  aloud: "Read aloud",
  aloudAll: "everything",
  aloudCalls: "only lines that call me",
  aloudNothing: "nothing",
  asOne: "Send as one line",
  author: "Code",
  away: "away",
  cancel: "Cancel",
  choices: "Suggestions",
  close: "Close",
  connected: "connected",
  connecting: "connecting …",
  done: "Done",
  elsewhere: "Elsewhere ({n})",
  everything: "Everything",
  exits: "Ways out",
  find: "Search what was said",
  found: "{n} found",
  gone: "The connection is closed.",
  generation: "generation {n}",
  hereWith: "Here with you ({n})",
  hide: "Hide",
  hidden: "(not shown)",
  letters: "Letters",
  lettersBook: "book",
  lettersTypewriter: "typewriter",
  leave: "Leave",
  log: "What is said",
  lost: "{n} pieces of text could not be kept while you were away.",
  unsent: "{n} of the lines that you typed did not arrive. Please type them again.",
  names: "Colour people's names",
  newLines: "{n} new",
  newMarker: "New",
  newPage: "The page has changed.",
  newPageLoad: "Load it again",
  newVisit: "You were away for too long to be waited for. This is a new visit.",
  notify: "Notify me when somebody calls me",
  offline: "You are offline. What you send waits.",
  panel: "Room and people",
  pasteTitle: "Send {n} lines?",
  reader: "Tell the service that I use a screen reader",
  reconnect: "Connect again",
  reconnecting: "The connection broke. Connecting again …",
  reloadFailed: "Refused, generation {n} goes on",
  reloaded: "Generation {n}",
  reloads: "Reloads, the latest first",
  reloadWhere: "{file}, line {line}",
  rollback: "Go back to the code before",
  saveLog: "Save what was said",
  say: "Say something",
  sayOn: "Say something on {channel}",
  send: "Send",
  sendAll: "Send line by line",
  serviceRestarted: "The service was started again. This is a new visit.",
  settings: "Settings",
  show: "Show",
  size: "Size of letters",
  signedIn: "Stay signed in on this device",
  skip: "To the input",
  sound: "A sound when somebody calls me",
  stopping: "The service has stopped. Connecting again when it is back …",
  tabs: "Channels",
  taken: "This visit goes on in another window.",
  takenBack: "Go on here",
  theme: "Light or dark",
  themeAuto: "as my system",
  themeDark: "dark",
  themeLight: "light",
  times: "Show the time of each line",
  unread: "{n} unread",
};

// Directions that services know by a letter or two; other exits have a word of the service's own.
export const EXITS = {
  n: "north", s: "south", e: "east", w: "west", ne: "northeast", nw: "northwest", se: "southeast", sw: "southwest",
  u: "up", d: "down", in: "in", out: "out",
};

export function exitName(exit) { return EXITS[exit] ?? exit; }

export function say(key, values = {}) {
  return WORDS[key].replace(/\{(\w+)\}/g, (_, name) => String(values[name] ?? ""));
}

export function fill(root) {
  for (const element of root.querySelectorAll("[data-word]")) element.textContent = say(element.dataset.word);
  for (const element of root.querySelectorAll("[data-label]")) element.setAttribute("aria-label", say(element.dataset.label));
  for (const element of root.querySelectorAll("[data-title]")) {
    element.title = say(element.dataset.title);
    element.setAttribute("aria-label", element.title);
  }
}
