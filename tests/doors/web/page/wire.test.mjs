import assert from "node:assert/strict";
import test from "node:test";
import { LINE, SECRET, Wire } from "../../../../cletus/doors/web/page/app/wire.js";

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
  const heard = [], states = [], lost = [], unsent = [], fresh = [];
  let timer = 0;
  const waiting = new Map();
  const timers = {
    setTimeout: (call, delay) => { waiting.set(++timer, { call, delay }); return timer; },
    clearTimeout: (id) => waiting.delete(id),
  };
  const run = () => { for (const [id, { call }] of [...waiting]) { if (waiting.delete(id)) call(); } };
  const wire = new Wire({
    data: (bytes) => heard.push(...bytes), state: (name) => states.push(name), resumed: (count, ours) => { lost.push(count); unsent.push(ours); },
    fresh: (why, ours) => { fresh.push(why); unsent.push(ours); }, files: () => {}, silent: () => true,
  }, { url: "ws://x/ws", socket: (u, p) => new FakeSocket(u, p), timers });
  return { wire, heard, states, lost, unsent, fresh, run, last: () => FakeSocket.all.at(-1) };
}

test("a new visit offers a session, and sends what was waiting", () => {
  const { wire, last, states } = made();
  wire.send(Uint8Array.of(1));
  wire.connect();
  assert.deepEqual(last().protocols, ["telnet.mudstandards.org", "session.cletus", "at.cletus"]);
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
  assert.deepEqual(last().protocols, ["telnet.mudstandards.org", "session.cletus.S.2", "at.cletus"]);
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
  const { wire, run, last, fresh, unsent } = made();
  wire.connect();
  last().say({ session: "S" });
  last().lose();
  wire.send(Uint8Array.of(9), LINE);
  run();
  last().say({ session: "T" });
  assert.deepEqual(last().sent, []);
  assert.deepEqual(fresh, ["", "away"]);
  assert.deepEqual(unsent, [0, 1]);
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

test("a window hands over all that has not arrived, and hears and sends nothing more", () => {
  const first = made();
  first.wire.connect();
  first.last().say({ session: "S" });
  first.last().stream(1);
  first.wire.send(Uint8Array.of(7), SECRET);
  const state = JSON.parse(JSON.stringify(first.wire.handOver(true)));
  const socket = first.last();
  assert.equal(socket.closed, 4001);
  assert.equal(first.states.at(-1), "taken");
  socket.stream(2);
  first.wire.wake();
  first.run();
  assert.equal(FakeSocket.all.length, 1);
  assert.deepEqual(first.heard, [1]);
  const second = made();
  second.wire.restore(state);
  second.wire.connect();
  assert.equal(second.last().protocols[1], "session.cletus.S.1");
  second.last().say({ resumed: { received: 0, lost: 0 } });
  assert.deepEqual(second.last().sent, [[7]]);
});

test("w17: what a window takes back to save it has nothing that was typed hidden", () => {
  const { wire, last } = made();
  wire.connect();
  last().say({ session: "S" });
  wire.send(Uint8Array.of(7), SECRET);
  assert.doesNotMatch(JSON.stringify(wire.handOver(false)), /7/);
});

test("a service that stops is waited for, as a new visit", () => {
  const { wire, run, last, fresh, states } = made();
  wire.connect();
  last().say({ session: "S" });
  last().lose(1012);
  wire.send(Uint8Array.of(9), LINE);
  run();
  last().lose();
  run();
  assert.deepEqual(states.slice(2), ["stopping", "stopping", "stopping", "stopping"], "as long as it is not back");
  assert.deepEqual(last().protocols[1], "session.cletus");
  last().say({ session: "T" });
  assert.deepEqual(last().sent, [], "a line for the service before is no answer to the question of a name");
  assert.deepEqual(fresh, ["", "stopped"]);
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

test("a long line goes in messages that the service takes", () => {
  const { wire, last } = made();
  wire.connect();
  last().say({ session: "S" });
  wire.send(new Uint8Array(2500), LINE);
  assert.deepEqual(last().sent.map((message) => message.length), [1024, 1024, 452]);
});

test("what is not here any more when it has to be sent again is counted, and the numbers go on", () => {
  const { wire, run, last, unsent } = made();
  wire.connect();
  last().say({ session: "S" });
  for (let n = 0; n < 1010; n++) wire.send(Uint8Array.of(n & 255), LINE);
  last().lose();
  run();
  last().say({ resumed: { received: 0, lost: 0 } });
  assert.equal(last().sent.length, 1000);
  assert.deepEqual(unsent, [0, 10]);
  last().lose();
  run();
  last().say({ resumed: { received: 1000, lost: 0 } });
  assert.deepEqual(last().sent, [], "nothing is doubled");
  assert.deepEqual(unsent, [0, 10, 0]);
});

test("w17: what was typed hidden is not saved; if it did not arrive, that is said", () => {
  const first = made();
  first.wire.connect();
  first.last().say({ session: "S" });
  first.wire.send(Uint8Array.of(1), LINE);
  first.wire.send(Uint8Array.of(2), SECRET);
  first.last().lose();
  first.wire.send(Uint8Array.of(3), LINE);
  first.wire.send(Uint8Array.from({ length: 2000 }, () => 4), SECRET);
  const text = JSON.stringify(first.wire.save());
  assert.doesNotMatch(text, /\[2\]|\b4\b/);
  const second = made();
  second.wire.restore(JSON.parse(text));
  second.wire.connect();
  second.last().say({ resumed: { received: 1, lost: 0 } });
  assert.deepEqual(second.last().sent, [[3]]);
  assert.deepEqual(second.unsent, [3]);
  second.last().lose();
  second.run();
  second.last().say({ resumed: { received: 2, lost: 0 } });
  assert.deepEqual(second.last().sent, []);
});

test("a page that was saved before it had sent its latest lines counts from what has arrived", () => {
  const { wire, run, last } = made();
  wire.restore({ secret: "S", received: 0, sent: 1, kept: [{ bytes: [1], is: LINE }], waiting: [] });
  wire.connect();
  last().say({ resumed: { received: 5, lost: 0 } });
  wire.send(Uint8Array.of(6), LINE);
  last().lose();
  run();
  last().say({ resumed: { received: 5, lost: 0 } });
  assert.deepEqual(last().sent, [[6]]);
});

test("what comes before the rest of the page is there waits for it, in order", () => {
  const { last } = made();
  const wire = new Wire(null, { url: "ws://x/ws", socket: (u, p) => new FakeSocket(u, p), timers: { setTimeout: () => 0, clearTimeout: () => {} } });
  wire.connect();
  last().say({ session: "S" });
  last().stream(1);
  last().stream(2);
  const heard = [];
  const note = (name) => (...values) => heard.push([name, ...values]);
  wire.listen({ state: note("state"), fresh: note("fresh"), data: note("data") });
  last().stream(3);
  assert.deepEqual(heard.map(([name]) => name), ["state", "state", "fresh", "data", "data", "data"]);
  assert.deepEqual(heard.filter(([name]) => name === "data").map(([, bytes]) => bytes[0]), [1, 2, 3]);
});

test("at another gateway it goes on from the last mark, and sends the lines again that did not arrive", () => {
  const { wire, run, last, fresh } = made();
  const moved = [];
  wire.on.moved = (...counts) => moved.push(counts);
  wire.connect();
  last().say({ session: "S" });
  wire.at = "a.1.2.0";
  for (const n of [1, 2, 3]) { wire.send(Uint8Array.of(n), LINE); wire.send(Uint8Array.of(9)); }
  last().lose();
  wire.send(Uint8Array.of(4), LINE);
  run();
  assert.deepEqual(last().protocols, ["telnet.mudstandards.org", "session.cletus.S.0", "at.cletus.a.1.2.0"]);
  last().say({ session: "T", moved: { lines: 1, lost: 0 } });
  assert.deepEqual(last().sent, [[2], [3], [4]]);
  assert.deepEqual(moved, [[0, 0]]);
  assert.deepEqual(fresh, [""]);
  last().lose();
  run();
  assert.equal(last().protocols[1], "session.cletus.T.0");
  last().say({ session: "U", moved: { lines: 2, lost: 1 } });
  assert.deepEqual(last().sent, [[4]]);
  assert.deepEqual(moved[1], [1, 0]);
});

test("a line of several messages is sent again as a whole, and counts once", () => {
  const { wire, run, last } = made();
  wire.on.moved = () => {};
  wire.connect();
  last().say({ session: "S" });
  wire.send(Uint8Array.of(1), LINE);
  wire.send(new Uint8Array(2000), LINE);
  last().lose();
  run();
  last().say({ session: "T", moved: { lines: 1, lost: 0 } });
  assert.deepEqual(last().sent.map((bytes) => bytes.length), [1024, 976]);
  last().lose();
  run();
  last().say({ session: "U", moved: { lines: 1, lost: 0 } });
  assert.equal(last().sent.length, 0);
});

test("w17: what was typed hidden, did not arrive and is not here any more, is counted at another gateway, too", () => {
  const { wire, run, last } = made();
  wire.connect();
  last().say({ session: "S" });
  wire.send(Uint8Array.of(7), SECRET);
  const saved = JSON.parse(JSON.stringify(wire.save()));
  const after = made();
  const moved = [];
  after.wire.on.moved = (...counts) => moved.push(counts);
  after.wire.restore(saved);
  after.wire.connect();
  after.last().say({ session: "T", moved: { lines: 0, lost: 0 } });
  assert.deepEqual(moved, [[0, 1]]);
  assert.deepEqual(after.last().sent, []);
});
