// Telnet without I/O, the client's side: bytes in, events and answers out (RFC 854, 855, 857, 885, 1073, 1091, 2066).
const IAC = 255, DONT = 254, DO = 253, WONT = 252, WILL = 251, SB = 250, GA = 249, EOR = 239, SE = 240;
const ECHO = 1, TTYPE = 24, END_OF_RECORD = 25, NAWS = 31, CHARSET = 42, GMCP = 201, MARK = 210;
const ACCEPTED_THERE = new Set([ECHO, END_OF_RECORD, GMCP, CHARSET]);
const ACCEPTED_HERE = new Set([TTYPE, NAWS, CHARSET]);
const SUBNEGOTIATION_MAX = 1 << 20;
const encoder = new TextEncoder();

export class Telnet {
  // types: the names of this terminal, the last one repeated (TTYPE, MTTS); size: () => [columns, rows].
  constructor({ types, size }) {
    this.types = types;
    this.size = size;
    this.state = "data";
    this.payload = [];
    this.command = 0;
    this.there = new Set();
    this.here = new Set();
    this.nextType = 0;
    this.decoder = new TextDecoder("utf-8");
  }

  // Returns {events, reply}: events are {text}, {prompt: true}, {echo: bool}, {gmcp: name, data}, {ready: "gmcp"}, {mark}.
  receive(bytes) {
    const events = [], reply = [];
    let start = 0;
    const flush = (end) => {
      if (end > start) {
        const text = this.decoder.decode(bytes.subarray(start, end), { stream: true });
        if (text) events.push({ text });
      }
    };
    for (let i = 0; i < bytes.length; i++) {
      const byte = bytes[i];
      switch (this.state) {
        case "data":
          if (byte === IAC) { flush(i); this.state = "iac"; }
          break;
        case "iac":
          this.state = "data";
          start = i + 1;
          if (byte === SB) { this.state = "sb"; this.payload = []; }
          else if (byte >= WILL && byte <= DONT) { this.state = "option"; this.command = byte; }
          else if (byte === GA || byte === EOR) events.push({ prompt: true });
          break;
        case "option":
          this.state = "data";
          start = i + 1;
          this.negotiate(this.command, byte, events, reply);
          break;
        case "sb":
          if (byte === IAC) this.state = "sb-iac";
          else if (this.payload.length < SUBNEGOTIATION_MAX) this.payload.push(byte);
          break;
        case "sb-iac":
          if (byte === SE) {
            this.state = "data";
            start = i + 1;
            this.subnegotiation(Uint8Array.from(this.payload), events, reply);
          } else {
            this.state = "sb";
            if (byte === IAC && this.payload.length < SUBNEGOTIATION_MAX) this.payload.push(IAC);
          }
          break;
      }
    }
    if (this.state === "data") flush(bytes.length);
    return { events, reply: Uint8Array.from(reply) };
  }

  negotiate(command, option, events, reply) {
    const asksThem = command === WILL || command === WONT;
    const set = asksThem ? this.there : this.here;
    const wanted = command === WILL || command === DO;
    const accepted = wanted && (asksThem ? ACCEPTED_THERE : ACCEPTED_HERE).has(option);
    const was = set.has(option);
    if (wanted && !accepted) { reply.push(IAC, asksThem ? DONT : WONT, option); return; }
    if (wanted === was) return;
    if (wanted) set.add(option); else set.delete(option);
    reply.push(IAC, asksThem ? (wanted ? DO : DONT) : (wanted ? WILL : WONT), option);
    if (option === ECHO && asksThem) events.push({ echo: wanted });
    if (option === NAWS && wanted) reply.push(...this.window());
    if (option === GMCP && wanted) events.push({ ready: "gmcp" });
  }

  subnegotiation(payload, events, reply) {
    const [option, verb] = payload;
    if (option === TTYPE && verb === 1) {
      const name = this.types[Math.min(this.nextType, this.types.length - 1)];
      this.nextType++;
      reply.push(...frame([TTYPE, 0, ...encoder.encode(name)]));
    } else if (option === CHARSET && verb === 1 && payload.length > 2) {
      const offered = new TextDecoder().decode(payload.subarray(2)).split(String.fromCharCode(payload[2]));
      const has = offered.some((name) => name.toUpperCase() === "UTF-8");
      reply.push(...frame(has ? [CHARSET, 2, ...encoder.encode("UTF-8")] : [CHARSET, 3]));
    } else if (option === MARK) {
      events.push({ mark: new TextDecoder().decode(payload.subarray(1)) });
    } else if (option === GMCP) {
      const text = new TextDecoder().decode(payload.subarray(1));
      const space = text.search(/\s/);
      const name = space < 0 ? text : text.slice(0, space);
      try {
        events.push({ gmcp: name, data: space < 0 ? undefined : JSON.parse(text.slice(space)) });
      } catch { /* what is not JSON means nothing */ }
    }
  }

  window() {
    const [columns, rows] = this.size();
    return frame([NAWS, columns >> 8, columns & 255, rows >> 8, rows & 255]);
  }

  // What to send when the window has another size; nothing if nobody wants to know.
  resized() { return this.here.has(NAWS) ? Uint8Array.from(this.window()) : new Uint8Array(); }

  // A line as it is sent.
  line(text) { return Uint8Array.from([...double(encoder.encode(text)), 13, 10]); }

  gmcp(name, data) {
    const text = data === undefined ? name : `${name} ${JSON.stringify(data)}`;
    return Uint8Array.from(frame([GMCP, ...encoder.encode(text)]));
  }

  get speaksGmcp() { return this.there.has(GMCP); }

  // Plain data, so that a page that is loaded again knows what was agreed.
  save() { return { there: [...this.there], here: [...this.here], nextType: this.nextType }; }
  restore(saved) {
    this.there = new Set(saved.there);
    this.here = new Set(saved.here);
    this.nextType = saved.nextType;
  }
}

function double(bytes) {
  const result = [];
  for (const byte of bytes) { result.push(byte); if (byte === IAC) result.push(IAC); }
  return result;
}
function frame(payload) { return [IAC, SB, ...double(payload), IAC, SE]; }
