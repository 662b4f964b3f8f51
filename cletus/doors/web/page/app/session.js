// The session: it is opened, or gone on with after F5 or in another window, while the rest of the page is still on its way.
import { Wire } from "./wire.js";

const SAVED = "visit", SAVED_MAX = 1_500_000, HANDOVER = 500;
export const wire = new Wire();
const windows = new BroadcastChannel("visit");
let left = null; // the latest state of the window that has this session now, from when it was hidden or closed
export const visit = await found();
if (visit) wire.restore(visit.wire);
wire.connect();

// It stays saved until the page has it: F5 may come before that, too.
async function found() {
  let saved = null;
  try { saved = JSON.parse(sessionStorage.getItem(SAVED)); } catch { /* then it is a new visit */ }
  const again = performance.getEntriesByType("navigation")[0]?.type === "reload";
  return saved && !again ? await handedOver(saved.wire.secret, true) ?? saved : saved;
}

// Another window may be in this session, further on than what is known here: it hands over, and is out of it.
// whole: with what was typed hidden and has not arrived; not if it is to be saved.
export function handedOver(secret, whole) {
  return new Promise((resolve) => {
    const timer = setTimeout(() => done(left?.wire.secret === secret ? left : null), HANDOVER);
    const hear = ({ data }) => { if (data.to === secret) done(data.visit); };
    const done = (visit) => { clearTimeout(timer); windows.removeEventListener("message", hear); resolve(visit); };
    windows.addEventListener("message", hear);
    windows.postMessage({ wanted: secret, whole });
  });
}

// state(wire): what the page is in the middle of, with this of the wire.
export function handOver(state) {
  windows.addEventListener("message", ({ data }) => {
    if (data.wanted === wire.secret && wire.secret && !wire.over) windows.postMessage({ to: wire.secret, visit: state(wire.handOver(data.whole)) });
    else if (data.left) left = data.left;
  });
}

// A window that is opened from this one later is not to go on with it.
export function forget() { sessionStorage.removeItem(SAVED); }

// What the page is in the middle of; the oldest lines of its log go first.
export function save(visit) {
  let text = JSON.stringify(visit);
  while (text.length > SAVED_MAX && visit.log.length) { visit.log = visit.log.slice(Math.ceil(visit.log.length / 2)); text = JSON.stringify(visit); }
  try { sessionStorage.setItem(SAVED, text); } catch { /* then it is a new visit */ }
  windows.postMessage({ left: visit });
}
