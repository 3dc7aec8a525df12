// Pages that were read, again without a network. Everything here is everybody's: nothing about one student passes through.
// The network comes first, so nobody who has one sees an old page; without one a page is shown for as long as its tier lets
// an edge keep it, so that what was withdrawn is gone as soon as everywhere else.
const SHELL = "lectern-shell-1"; // the offline page and what it is made of
const PAGES = "lectern-pages-1";
const FILES = "lectern-files-1"; // styles, scripts, pictures, JSON

const OFFLINE = "/offline/";
const OWN = [OFFLINE, "{{ asset('site.css') }}", "{{ asset('favicon.svg') }}"];
const NEVER = /^\/(api|account|desk|preview|protected|sw\.js)(\/|$)/;
const MEDIA = ["video", "audio", "track"];
const MOST = { [PAGES]: 60, [FILES]: 240 }; // entries; the oldest leave
const MOST_BYTES = { [PAGES]: 8_000_000, [FILES]: 16_000_000 };
const ONE_BYTES = 1_000_000;
const STORED = "x-lectern-stored"; // ms since 1970
const BYTES = "x-lectern-bytes";

addEventListener("install", (event) => event.waitUntil(install()));
addEventListener("activate", (event) => event.waitUntil(activate()));
addEventListener("message", (event) => typeof event.data === "string" && event.waitUntil(read(event.data)));
addEventListener("fetch", (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  if (request.method !== "GET" || origin !== location.origin || NEVER.test(pathname)) return;
  if (request.headers.has("range") || MEDIA.includes(request.destination) || request.cache === "only-if-cached") return;
  event.respondWith(request.mode === "navigate" ? page(event) : pathname.startsWith("/assets/") ? asset(event) : file(event));
});

async function install() {
  const cache = await caches.open(SHELL);
  await cache.addAll(OWN.map((path) => new Request(path, { cache: "no-cache" })));
  await skipWaiting();
}

async function activate() {
  for (const name of await caches.keys()) if (![SHELL, PAGES, FILES].includes(name)) await caches.delete(name);
  const shell = await caches.open(SHELL);
  const files = await caches.open(FILES);
  for (const request of await shell.keys()) {
    if (OWN.includes(new URL(request.url).pathname)) continue;
    await files.put(request, await shell.match(request)); // pages that are kept are made of it still
    await shell.delete(request);
  }
  await clients.claim();
}

async function read(path) {
  const request = new Request(new URL(path, location.origin));
  if (new URL(request.url).origin !== location.origin || NEVER.test(new URL(request.url).pathname)) return;
  await fetch(request).then((answer) => keep(PAGES, request, answer)).catch(() => {});
}

async function page(event) {
  try {
    const answer = await fetch(event.request);
    event.waitUntil(keep(PAGES, event.request, answer.clone()));
    return answer;
  } catch {
    return (await fresh(PAGES, event.request)) ?? (await caches.match(OFFLINE, { cacheName: SHELL })) ?? Response.error();
  }
}

// Its name bears its digest: what is kept is right.
async function asset(event) {
  const kept = (await caches.match(event.request, { cacheName: SHELL })) ?? (await caches.match(event.request, { cacheName: FILES }));
  if (kept) return kept;
  const answer = await fetch(event.request);
  event.waitUntil(keep(FILES, event.request, answer.clone()));
  return answer;
}

async function file(event) {
  try {
    const answer = await fetch(event.request);
    event.waitUntil(keep(FILES, event.request, answer.clone()));
    return answer;
  } catch {
    return (await fresh(FILES, event.request)) ?? Response.error();
  }
}

// Keeps a whole public answer; forgets what the network says is gone or moved.
async function keep(name, request, answer) {
  const cache = await caches.open(name).catch(() => null); // storage is refused
  if (!cache) return;
  const whole = answer.status === 200 && answer.type === "basic" && !answer.redirected;
  if (!whole || !life_s(answer)) {
    if (answer.status < 500) await cache.delete(request);
    return;
  }
  const body = await answer.arrayBuffer();
  if (body.byteLength > ONE_BYTES) return;
  const headers = new Headers(answer.headers);
  headers.set(STORED, String(Date.now()));
  headers.set(BYTES, String(body.byteLength));
  await cache.delete(request); // or an older one would stay where it was in the order
  await cache.put(request, new Response(body, { status: 200, headers })).catch(() => {}); // the disk is full
  await bound(name, cache);
}

async function fresh(name, request) {
  const kept = await caches.match(request, { cacheName: name });
  const age_s = (Date.now() - Number(kept?.headers.get(STORED))) / 1000;
  return kept && age_s >= 0 && age_s < life_s(kept) ? kept : null;
}

// How long an answer may be kept, in seconds: as long as an edge may. 0 for what is not everybody's.
function life_s(answer) {
  const says = answer.headers.get("Cache-Control") ?? "";
  if (!/\bpublic\b/.test(says) || /\bno-store\b/.test(says)) return 0;
  return Number((/\bs-maxage=(\d+)/.exec(says) ?? /\bmax-age=(\d+)/.exec(says))?.[1] ?? 0);
}

async function bound(name, cache) {
  const requests = await cache.keys();
  let entries = 0;
  let bytes = 0;
  for (const request of requests.reverse()) { // the newest first
    entries += 1;
    bytes += Number((await cache.match(request))?.headers.get(BYTES) ?? 0);
    if (entries > MOST[name] || bytes > MOST_BYTES[name]) await cache.delete(request);
  }
}
