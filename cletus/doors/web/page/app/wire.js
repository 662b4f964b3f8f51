// The WebSocket, and the session that outlives it: exactly once in both directions.
const TELNET = "telnet.mudstandards.org";
const KEPT_MAX = 1000;
const FIRST_WAIT = 250, LONGEST_WAIT = 15000, SILENCE = 20000, ANSWER = 4000;

export class Wire {
  // on: {data(bytes), state(name), fresh(hadSession), resumed(lost), files(words), silent()}
  constructor(on, { url = address(), socket = (u, p) => new WebSocket(u, p), timers = globalThis } = {}) {
    this.on = on;
    this.url = url;
    this.make = socket;
    this.timers = timers;
    this.secret = "";
    this.received = 0;
    this.sent = 0; // numbered messages, in all
    this.kept = []; // the latest of them, for sending again
    this.waiting = []; // not numbered yet: there was no socket
    this.socket = null;
    this.open = false;
    this.wait = FIRST_WAIT;
    this.timer = 0;
    this.quiet = 0;
    this.over = false;
  }

  connect() {
    this.timers.clearTimeout(this.timer);
    if (this.socket) return;
    this.over = false;
    this.on.state(this.secret ? "reconnecting" : "connecting");
    const session = this.secret ? `session.cletus.${this.secret}.${this.received}` : "session.cletus";
    const socket = this.socket = this.make(this.url, [TELNET, session]);
    socket.binaryType = "arraybuffer";
    socket.onmessage = ({ data }) => {
      if (socket !== this.socket) return;
      this.heard();
      if (typeof data === "string") this.words(JSON.parse(data));
      else { this.received++; this.on.data(new Uint8Array(data)); }
    };
    socket.onclose = ({ code }) => { if (socket === this.socket) this.closed(code); };
  }

  // Send a message now, or when there is a connection again.
  send(bytes) {
    if (!bytes.length) return;
    if (!this.open) { this.waiting.push(bytes); return; }
    this.sent++;
    this.kept.push(bytes);
    if (this.kept.length > KEPT_MAX) this.kept.shift();
    this.socket.send(bytes);
  }

  words(words) {
    if (words.session) {
      const had = this.secret !== "";
      this.secret = words.session;
      this.received = this.sent = 0;
      this.kept = [];
      if (had) this.waiting = [];
      this.started();
      this.on.fresh(had);
    } else if (words.resumed) {
      const missing = this.sent - words.resumed.received;
      this.kept = missing > 0 ? this.kept.slice(-missing) : [];
      for (const bytes of this.kept) this.socket.send(bytes); // before anything new
      this.started();
      this.on.resumed(words.resumed.lost);
    }
    if (words.files) this.on.files(words);
  }

  started() {
    this.open = true;
    this.wait = FIRST_WAIT;
    this.on.state("connected");
    const waiting = this.waiting;
    this.waiting = [];
    for (const bytes of waiting) this.send(bytes);
  }

  closed(code) {
    this.socket = null;
    this.open = false;
    this.timers.clearTimeout(this.quiet);
    if (code === 4001) { this.over = true; this.on.state("taken"); return; }
    if (code === 1000) { this.over = true; this.secret = ""; this.on.state("gone"); return; }
    if (code === 1012) this.secret = "";
    this.on.state(code === 1012 ? "stopping" : globalThis.navigator?.onLine === false ? "offline" : "reconnecting");
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
    if (!this.open || !this.on.silent()) return;
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

  save() {
    const list = (pieces) => pieces.map((bytes) => Array.from(bytes));
    return { secret: this.secret, received: this.received, sent: this.sent, kept: list(this.kept.slice(-50)), waiting: list(this.waiting) };
  }
  restore(saved) {
    Object.assign(this, { secret: saved.secret, received: saved.received, sent: saved.sent });
    this.kept = saved.kept.map((bytes) => Uint8Array.from(bytes));
    this.waiting = saved.waiting.map((bytes) => Uint8Array.from(bytes));
  }
}

function address() {
  const { protocol, host } = globalThis.location;
  return `${protocol === "https:" ? "wss" : "ws"}://${host}/ws`;
}
