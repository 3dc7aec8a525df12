// Tells the API of places: at most once in five minutes of watching, and a last time when the page is hidden.
import { ask, beacon, ready } from "{{ asset('overlay-api.js') }}";
import { owed, paid } from "{{ asset('overlay-places.js') }}";
import { keep, kept, whose } from "{{ asset('overlay-session.js') }}";

const WROTE = "lectern.wrote"; // the last writes, ms since 1970
const EVERY_MS = 5 * 60 * 1000;
const MOST = 3; // writes in that time, of who hides the page again and again; what is owed then goes as soon as it may
const OPENED_REST_MS = 5 * 1000; // what the page before has told may be under way still; or it ended before it was sent
const PART = 400; // entries a write
const BEACON_BYTES = 60_000; // of the 64 KiB that a browser lets all beacons have together

let since = 0; // when this page's watching began
let later = 0; // the timer of what is owed

// While it plays. The first time the token is fetched, which the last write will need.
export function watching() {
  if (!whose().tag) return;
  since ||= (ready().catch(() => {}), Date.now());
  if (Date.now() - Math.max(since, ...wrote()) >= EVERY_MS) tell();
}

// When a page opens or comes back: what an earlier one still owes.
export function catchUp() {
  const wait_ms = Math.max(rest(), Math.max(0, ...wrote()) + OPENED_REST_MS - Date.now());
  return wait_ms > 0 ? tellLater(wait_ms) : tell();
}

// All that is owed, now. Never throws: what was not told stays owed.
export async function tell() {
  if (!whose().tag) return;
  const all = owed();
  // A page that leaves while it asks for the token has written nothing: then the next one does.
  if (all.length) await ready().catch(() => {});
  for (let n = 0; n < all.length; n += PART) {
    const videos = all.slice(n, n + PART);
    keep(WROTE, [...wrote(), Date.now()]);
    try {
      await ask("/me/progress", { method: "POST", body: { videos }, keepalive: true });
    } catch {
      return;
    }
    paid(videos);
  }
}

// The page is hidden, and may never be seen again.
export function hidden() {
  if (!whose().tag) return;
  if (rest()) return tellLater(rest());
  let bytes = 0;
  const all = owed();
  for (let n = 0; n < all.length; n += PART) {
    const videos = all.slice(n, n + PART);
    bytes += JSON.stringify(videos).length + 100;
    if (bytes > BEACON_BYTES) return;
    keep(WROTE, [...wrote(), Date.now()]);
    if (!("keepalive" in Request.prototype)) beacon("/me/progress", { videos });
    else ask("/me/progress", { method: "POST", body: { videos }, keepalive: true }).then(() => paid(videos), () => {});
  }
}

function tellLater(ms) {
  later ||= setTimeout(() => {
    later = 0;
    tell();
  }, ms);
}

// How long until one more may be written, in ms.
function rest() {
  const times = wrote();
  return times.length < MOST ? 0 : times.at(-MOST) + EVERY_MS - Date.now();
}

// Those of the last five minutes. A time to come is none: the clock was set back.
function wrote() {
  return [kept(WROTE) ?? []].flat().filter((at) => at <= Date.now() && at > Date.now() - EVERY_MS);
}
