// Network first; without a network the page still opens, and says that it is offline.
const CACHE = "page";
const FILES = [
  "/", "/style.css", "/theme.css", "/icon.svg", "/manifest.webmanifest", "/app/ansi.js", "/app/input.js", "/app/log.js",
  "/app/main.js", "/app/panel.js", "/app/session.js", "/app/settings.js", "/app/telnet.js", "/app/wire.js", "/app/words.js",
];
self.addEventListener("install", (event) => {
  self.skipWaiting();
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(FILES)));
});
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));
self.addEventListener("fetch", (event) => {
  const url = new URL(event.request.url);
  if (event.request.method !== "GET" || url.origin !== location.origin) return;
  if (url.pathname === "/status" || url.pathname === "/health") return;
  event.respondWith(answer(event.request));
});
async function answer(request) {
  const cache = await caches.open(CACHE);
  try {
    const response = await fetch(request);
    if (response.ok) await cache.put(request, response.clone());
    return response;
  } catch (error) {
    const kept = await cache.match(request);
    if (kept) return kept;
    throw error;
  }
}
