// Answers from the network, and where there is none from what `offline.js` kept.

const PATIENCE = 5000; // ms until what is kept answers for a network that does not

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));
self.addEventListener("fetch", (event) => {
  if (event.request.method === "GET" && event.request.url.startsWith(self.registration.scope)) {
    event.respondWith(answer(event.request));
  }
});

async function answer(request) {
  const kept = await caches.match(request, { ignoreSearch: true });
  // Asked again each time, sent again only when it has changed.
  const asked = fetch(request, { cache: "no-cache" });
  // A file that is not kept is one that the page has not, such as the labels of a model without classes.
  if (!kept) return asked.catch(() => new Response(null, { status: 404 }));
  const late = new Promise((resolve) => setTimeout(resolve, PATIENCE, kept));
  return Promise.race([asked.then((answer) => (answer.status < 500 ? answer : kept)), late]).catch(
    () => kept,
  );
}
