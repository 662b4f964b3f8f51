// The WebSocket, and the session that outlives it: exactly once in both directions.
const TELNET = "telnet.mudstandards.org";
// Messages are pieces of a stream of bytes: however long a line is, each is shorter than the service takes.
const MESSAGE_MAX = 1024, KEPT_MAX = 1000;
// What a message is: a line that was typed, one that was typed hidden, or something of the protocol's own.
export const LINE = "line", SECRET = "secret", OTHER = "";
const TAKEN = 4001; // the code with which a socket is closed because another window goes on
const FIRST_WAIT = 250, LONGEST_WAIT = 15000, SILENCE = 20000, ANSWER = 4000;

export class Wire {
  // on: {data(bytes), state(name), fresh(why, unsent), resumed(lost, unsent), moved(lost, unsent), files(words), silent()}
  // why: "" for the first session, or why the one before ended: "away", "stopped", "closed".
  // lost: pieces that the service could not keep; unsent: lines of ours that have not arrived and are not here any more.
  // Without on, they are kept until listen().
  constructor(on = null, { url = address(), socket = (u, p) => new WebSocket(u, p), timers = globalThis } = {}) {
    this.on = on;
    this.url = url;
    this.make = socket;
    this.timers = timers;
    this.secret = "";
    this.ended = "";
    this.received = 0;
    this.at = ""; // the last mark among what was received: another gateway goes on from there
    this.sent = 0; // numbered messages, in all
    this.lines = 0; // those of them that are lines
    this.kept = []; // the latest of them, for sending again: {bytes, is, more}; more: it continues the one before
    this.waiting = []; // not numbered yet: there was no socket
    this.socket = null;
    this.open = false;
    this.wait = FIRST_WAIT;
    this.timer = 0;
    this.quiet = 0;
    this.over = false;
    this.untold = [];
  }

  listen(on) {
    this.on = on;
    for (const [name, values] of this.untold.splice(0)) on[name](...values);
  }

  tell(name, ...values) {
    if (this.on) this.on[name](...values);
    else this.untold.push([name, values]);
  }

  connect() {
    this.timers.clearTimeout(this.timer);
    if (this.socket) return;
    this.over = false;
    this.tell("state", this.secret ? "reconnecting" : this.ended === "stopped" ? "stopping" : "connecting");
    const session = this.secret ? `session.cletus.${this.secret}.${this.received}` : "session.cletus";
    const at = this.secret && this.at ? `at.cletus.${this.at}` : "at.cletus";
    const socket = this.socket = this.make(this.url, [TELNET, session, at]);
    socket.binaryType = "arraybuffer";
    socket.onmessage = ({ data }) => {
      if (socket !== this.socket) return;
      this.heard();
      if (typeof data === "string") this.words(JSON.parse(data));
      else { this.received++; this.tell("data", new Uint8Array(data)); }
    };
    socket.onclose = ({ code }) => { if (socket === this.socket) this.closed(code); };
  }

  // Send a message now, or when there is a connection again.
  send(bytes, is = OTHER) {
    for (let start = 0; start < bytes.length; start += MESSAGE_MAX) {
      this.waiting.push({ bytes: bytes.subarray(start, start + MESSAGE_MAX), is: start && is === LINE ? OTHER : is, more: start > 0 });
    }
    if (this.open) this.flush();
  }

  flush() {
    for (const message of this.waiting.splice(0)) {
      this.sent++;
      if (isLine(message)) this.lines++;
      this.kept.push(message);
      if (this.kept.length > KEPT_MAX) this.kept.shift();
      this.socket.send(message.bytes);
    }
  }

  words(words) {
    if (words.moved && this.secret) {
      this.moved(words);
    } else if (words.session) {
      const why = this.secret ? "away" : this.ended;
      // What was typed for the session before is no answer to the questions of this one.
      const unsent = why ? typed(this.waiting) : 0;
      if (why) this.waiting = [];
      this.begins(words.session);
      this.started();
      this.tell("fresh", why, unsent);
    } else if (words.resumed) {
      const missing = Math.max(0, this.sent - words.resumed.received);
      const behind = missing ? this.kept.slice(-missing) : [];
      const gone = [...behind, ...this.waiting].filter((message) => !isHere(message));
      const unsent = missing - behind.length + typed(gone);
      this.lines -= behind.filter((message) => isLine(message) && !isHere(message)).length;
      this.kept = behind.filter(isHere);
      this.waiting = this.waiting.filter(isHere);
      this.sent = words.resumed.received + this.kept.length;
      for (const { bytes } of this.kept) this.socket.send(bytes); // before anything new
      this.started();
      this.tell("resumed", words.resumed.lost, unsent);
    }
    if (words.files) this.tell("files", words);
  }

  begins(secret) {
    this.secret = secret;
    this.ended = "";
    this.received = this.sent = this.lines = 0;
    this.kept = [];
  }

  // Another gateway goes on with the session. It numbers all anew, and lacks the lines that did not arrive.
  moved({ session, moved }) {
    let missing = Math.max(0, this.lines - moved.lines), start = this.kept.length;
    while (missing && start) if (isLine(this.kept[--start])) missing--;
    let inLine = false; // what is not of a line belongs to what was agreed with the gateway before
    const lines = [...this.kept.slice(start), ...this.waiting].filter((message) => (inLine = isLine(message) || inLine && message.more));
    const unsent = missing + typed(lines.filter((message) => !isHere(message)));
    this.begins(session);
    this.waiting = lines.filter(isHere);
    this.tell("moved", moved.lost, unsent);
    this.started();
  }

  started() {
    this.open = true;
    this.wait = FIRST_WAIT;
    this.tell("state", "connected");
    this.flush();
  }

  closed(code) {
    this.socket = null;
    this.open = false;
    this.timers.clearTimeout(this.quiet);
    this.timers.clearTimeout(this.timer);
    if (code === TAKEN) { this.over = true; this.tell("state", "taken"); return; }
    if (code === 1000) { this.over = true; this.secret = ""; this.ended = "closed"; this.tell("state", "gone"); return; }
    if (code === 1012) { this.secret = ""; this.ended = "stopped"; }
    this.tell("state", this.ended === "stopped" ? "stopping" : globalThis.navigator?.onLine === false ? "offline" : "reconnecting");
    this.timer = this.timers.setTimeout(() => this.connect(), this.wait * (0.8 + 0.4 * Math.random()));
    this.wait = Math.min(2 * this.wait, LONGEST_WAIT);
  }

  // The network or the person is back: do not wait any longer.
  wake() {
    if (this.over) return;
    if (!this.socket) { this.wait = FIRST_WAIT; this.connect(); }
    else if (this.open) this.probe();
  }

  heard() {
    this.timers.clearTimeout(this.quiet);
    this.quiet = this.timers.setTimeout(() => this.probe(), SILENCE);
  }

  // Ask for a sign of life; without an answer the socket is given up.
  probe() {
    this.timers.clearTimeout(this.quiet);
    if (!this.open || !this.on?.silent()) return;
    const socket = this.socket;
    this.quiet = this.timers.setTimeout(() => {
      if (socket === this.socket) { socket.onclose = null; socket.close(); this.closed(1006); }
    }, ANSWER);
  }

  end() {
    this.over = true;
    this.secret = "";
    if (this.socket) this.socket.close(1000);
  }

  // Another window goes on with the session: what it needs for that. Nothing is heard or sent here from now on.
  handOver(whole) {
    const state = this.save(whole), socket = this.socket;
    this.socket = null;
    this.closed(TAKEN);
    if (socket) { socket.onclose = null; socket.close(TAKEN); }
    return state;
  }

  // What was typed hidden is saved nowhere: of such a message, only that it was there; a window is told all.
  save(whole = false) {
    const list = (messages) => messages.map(({ bytes, is, more }) => ({ bytes: bytes && (whole || is !== SECRET) ? Array.from(bytes) : null, is, more }));
    return { secret: this.secret, received: this.received, at: this.at, sent: this.sent, lines: this.lines, kept: list(this.kept.slice(-200)), waiting: list(this.waiting) };
  }
  restore(saved) {
    const list = (messages) => messages.map(({ bytes, is, more }) => ({ bytes: bytes && Uint8Array.from(bytes), is, more }));
    Object.assign(this, { secret: saved.secret, received: saved.received, at: saved.at ?? "", sent: saved.sent, lines: saved.lines ?? 0 });
    this.kept = list(saved.kept);
    this.waiting = list(saved.waiting);
  }
}

function isHere({ bytes }) { return bytes !== null; }
function isLine({ is, more }) { return is !== OTHER && !more; }
function typed(messages) { return messages.filter(({ is }) => is !== OTHER).length; }

function address() {
  const { protocol, host } = globalThis.location;
  return `${protocol === "https:" ? "wss" : "ws"}://${host}/ws`;
}
