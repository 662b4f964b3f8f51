import assert from "node:assert/strict";
import test from "node:test";
import { Wire } from "../../../../cletus/doors/web/page/app/wire.js";

class FakeSocket {
  static all = [];
  constructor(url, protocols) { this.protocols = protocols; this.sent = []; this.closed = null; FakeSocket.all.push(this); }
  send(data) { this.sent.push([...data]); }
  close(code) { this.closed = code ?? 0; }
  say(words) { this.onmessage({ data: JSON.stringify(words) }); }
  stream(...bytes) { this.onmessage({ data: Uint8Array.from(bytes).buffer }); }
  lose(code = 1006) { this.onclose({ code }); }
}

function made() {
  FakeSocket.all = [];
  const heard = [], states = [], lost = [], fresh = [];
  let timer = 0;
  const waiting = new Map();
  const timers = {
    setTimeout: (call, delay) => { waiting.set(++timer, { call, delay }); return timer; },
    clearTimeout: (id) => waiting.delete(id),
  };
  const run = () => { for (const [id, { call }] of [...waiting]) { if (waiting.delete(id)) call(); } };
  const wire = new Wire({
    data: (bytes) => heard.push(...bytes), state: (name) => states.push(name), resumed: (count) => lost.push(count),
    fresh: (had) => fresh.push(had), files: () => {}, silent: () => true,
  }, { url: "ws://x/ws", socket: (u, p) => new FakeSocket(u, p), timers });
  return { wire, heard, states, lost, fresh, run, last: () => FakeSocket.all.at(-1) };
}

test("a new visit offers a session, and sends what was waiting", () => {
  const { wire, last, states } = made();
  wire.send(Uint8Array.of(1));
  wire.connect();
  assert.deepEqual(last().protocols, ["telnet.mudstandards.org", "session.cletus"]);
  assert.deepEqual(last().sent, []);
  last().say({ session: "s".repeat(24), grace: 180, page: "v" });
  assert.deepEqual(last().sent, [[1]]);
  assert.deepEqual(states, ["connecting", "connected"]);
});

test("after a cut it says what it has, and sends again what did not arrive, before anything new", () => {
  const { wire, heard, run, last, lost } = made();
  wire.connect();
  last().say({ session: "S", grace: 180, page: "v" });
  last().stream(10);
  last().stream(11);
  for (const n of [1, 2, 3]) wire.send(Uint8Array.of(n));
  last().lose();
  wire.send(Uint8Array.of(4));
  run();
  assert.deepEqual(last().protocols, ["telnet.mudstandards.org", "session.cletus.S.2"]);
  last().say({ resumed: { received: 1, lost: 0 } });
  assert.deepEqual(last().sent, [[2], [3], [4]]);
  last().stream(12);
  assert.deepEqual(heard, [10, 11, 12]);
  assert.deepEqual(lost, [0]);
  last().lose();
  run();
  assert.deepEqual(last().protocols[1], "session.cletus.S.3");
  last().say({ resumed: { received: 4, lost: 0 } });
  assert.deepEqual(last().sent, []);
});

test("a visit that was given up begins anew, and what belonged to it is not sent", () => {
  const { wire, run, last, fresh } = made();
  wire.connect();
  last().say({ session: "S" });
  last().lose();
  wire.send(Uint8Array.of(9));
  run();
  last().say({ session: "T" });
  assert.deepEqual(last().sent, []);
  assert.deepEqual(fresh, [false, true]);
});

test("a page that was taken over does not fight", () => {
  const { wire, run, last, states } = made();
  wire.connect();
  last().say({ session: "S" });
  last().lose(4001);
  wire.wake();
  run();
  assert.equal(FakeSocket.all.length, 1);
  assert.equal(states.at(-1), "taken");
});

test("a service that stops is waited for, as a new visit", () => {
  const { wire, run, last } = made();
  wire.connect();
  last().say({ session: "S" });
  last().lose(1012);
  run();
  assert.deepEqual(last().protocols[1], "session.cletus");
});

test("a socket that does not answer is given up", () => {
  const { wire, run, last } = made();
  wire.connect();
  last().say({ session: "S" });
  wire.probe();
  run();
  assert.equal(FakeSocket.all[0].closed, 0);
  run();
  assert.equal(FakeSocket.all.length, 2);
});

test("a saved wire goes on where it was", () => {
  const first = made();
  first.wire.connect();
  first.last().say({ session: "S" });
  first.last().stream(1);
  first.wire.send(Uint8Array.of(7));
  const saved = JSON.parse(JSON.stringify(first.wire.save()));
  const second = made();
  second.wire.restore(saved);
  second.wire.connect();
  assert.deepEqual(second.last().protocols[1], "session.cletus.S.1");
  second.last().say({ resumed: { received: 0, lost: 0 } });
  assert.deepEqual(second.last().sent, [[7]]);
});
