// The session: it is opened, or gone on with after F5, while the rest of the page is still on its way.
import { Wire } from "./wire.js";

const SAVED = "visit", SAVED_MAX = 1_500_000;
export const visit = saved();
export const wire = new Wire();
if (visit) wire.restore(visit.wire);
wire.connect();

// It stays saved until the page has it: F5 may come before that, too.
function saved() {
  try { return JSON.parse(sessionStorage.getItem(SAVED)); } catch { return null; }
}

// A window that is opened from this one later is not to go on with it.
export function forget() { sessionStorage.removeItem(SAVED); }

// What the page is in the middle of; the oldest lines of its log go first.
export function save(visit) {
  let text = JSON.stringify(visit);
  while (text.length > SAVED_MAX && visit.log.length) { visit.log = visit.log.slice(Math.ceil(visit.log.length / 2)); text = JSON.stringify(visit); }
  try { sessionStorage.setItem(SAVED, text); } catch { /* then it is a new visit */ }
}
