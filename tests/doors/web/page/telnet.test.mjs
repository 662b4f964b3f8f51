import assert from "node:assert/strict";
import test from "node:test";
import { Telnet } from "../../../../cletus/doors/web/page/app/telnet.js";

const bytes = (...parts) => Uint8Array.from(parts.flatMap((part) => typeof part === "string" ? [...new TextEncoder().encode(part)] : [part]));
const made = () => new Telnet({ types: ["CLETUS", "MTTS 269"], size: () => [80, 24] });
const STREAM = bytes("grüß", 255, 251, 1, "a", 255, 250, 201, 'Room.Info {"a":1}', 255, 240, "b", 255, 255, 255, 249, "c");

function run(telnet, chunks) {
  const events = [], reply = [];
  for (const chunk of chunks) {
    const result = telnet.receive(chunk);
    events.push(...result.events);
    reply.push(...result.reply);
  }
  const joined = [];
  for (const event of events) {
    if (event.text !== undefined && joined.at(-1)?.text !== undefined) joined.at(-1).text += event.text;
    else joined.push({ ...event });
  }
  return { events: joined, reply };
}

test("the same bytes are the same events wherever they are cut", () => {
  const whole = run(made(), [STREAM]);
  assert.deepEqual(run(made(), [...STREAM].map((byte) => bytes(byte))), whole);
  for (let i = 1; i < STREAM.length; i++) assert.deepEqual(run(made(), [STREAM.subarray(0, i), STREAM.subarray(i)]), whole);
  assert.deepEqual(whole.events.map((event) => Object.keys(event)[0]), ["text", "echo", "text", "gmcp", "text", "prompt", "text"]);
});

test("what we know is accepted once, everything else is refused", () => {
  const telnet = made();
  assert.deepEqual([...telnet.receive(bytes(255, 251, 1, 255, 251, 1)).reply], [255, 253, 1]);
  assert.deepEqual([...telnet.receive(bytes(255, 251, 86, 255, 253, 39)).reply], [255, 254, 86, 255, 252, 39]);
  assert.deepEqual([...telnet.receive(bytes(255, 252, 1)).reply], [255, 254, 1]);
});

test("the size of the window is told when it is agreed, and again when it changes", () => {
  const telnet = made();
  assert.equal(telnet.resized().length, 0);
  assert.deepEqual([...telnet.receive(bytes(255, 253, 31)).reply], [255, 251, 31, 255, 250, 31, 0, 80, 0, 24, 255, 240]);
  assert.equal(telnet.resized().length, 9);
});

test("the names of the terminal come one after another, the last one again", () => {
  const telnet = made();
  const ask = bytes(255, 250, 24, 1, 255, 240);
  const names = [0, 1, 2].map(() => new TextDecoder().decode(telnet.receive(ask).reply.slice(4, -2)));
  assert.deepEqual(names, ["CLETUS", "MTTS 269", "MTTS 269"]);
});

test("UTF-8 is accepted, another character set is not", () => {
  const telnet = made();
  assert.deepEqual([...telnet.receive(bytes(255, 250, 42, 1, ";UTF-8;KOI8", 255, 240)).reply], [...bytes(255, 250, 42, 2, "UTF-8", 255, 240)]);
  assert.deepEqual([...telnet.receive(bytes(255, 250, 42, 1, ";KOI8", 255, 240)).reply], [...bytes(255, 250, 42, 3, 255, 240)]);
});

test("a message that is not JSON means nothing", () => {
  assert.deepEqual(made().receive(bytes(255, 250, 201, "A {", 255, 240)).events, []);
  assert.deepEqual(made().receive(bytes(255, 250, 201, "Core.Ping", 255, 240)).events, [{ gmcp: "Core.Ping", data: undefined }]);
});

test("bytes 255 in lines and messages are doubled", () => {
  assert.deepEqual([...made().line("a")], [97, 13, 10]);
  assert.deepEqual([...made().gmcp("A", 1)], [...bytes(255, 250, 201, "A 1", 255, 240)]);
});

test("a mark says how far the text has come that is before it", () => {
  const { events, reply } = made().receive(bytes("a", 255, 250, 210, "a.1.2.0", 255, 240, "b"));
  assert.deepEqual(events, [{ text: "a" }, { mark: "a.1.2.0" }, { text: "b" }]);
  assert.equal(reply.length, 0);
});
