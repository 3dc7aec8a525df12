// Joins the student's own data to a page that is whole without it. What the browser keeps is shown at once, what the API says
// when it comes; where the API is away the page stays as it is. What is drawn is taken out before a browser puts the page
// aside, so that no back button shows one student's data to the next.
import { adopt, places, record, take } from "{{ asset('overlay-places.js') }}";
import { onForgotten, whose } from "{{ asset('overlay-session.js') }}";

const MOST_VIDEOS = 100; // that the API answers about at once
const EVERY_MS = 5000; // between two records of a place

const player = document.querySelector(".player[data-video]");
const video = Number(player?.dataset.video ?? 0);
const batch = document.querySelector("[data-batch]")?.dataset.batch;
const cards = [...document.querySelectorAll(".card[data-video]")].map((card) => Number(card.dataset.video));
const asked = [...new Set([video, ...cards])].filter(Boolean).slice(0, MOST_VIDEOS).sort((a, b) => a - b);

let shown = null; // the session's tag that the page is drawn for
let drawn = []; // what was put in: each has a remove()
let panel = null; // {tag, box}: has what the student is writing, so it is kept while the page is aside
let place = { position_s: 0, duration_s: 0 }; // of the player
let recorded = 0; // ms since 1970
let telling = null; // the module, once something is to be told

async function open() {
  shown = whose().tag;
  const now = shown;
  await draw(null);
  if (!now) return;
  const api = await import("{{ asset('overlay-api.js') }}");
  const asked_ms = Date.now();
  const overlay = await ownData(api).catch(() => null);
  if (whose().tag !== now) return compare();
  if (!overlay || shown !== now) return;
  adopt(overlay.account);
  take(asked, overlay.progress, asked_ms);
  await draw(overlay);
  (await tellers()).catchUp();
}

async function ownData(api) {
  if (batch && !video) return api.mine(`overlay?batch=${batch}`);
  const [overlay, begun] = await Promise.all([
    asked.length ? api.mine(`overlay?videos=${asked}`) : api.mine("continue?limit=1"),
    location.pathname === "/" ? api.mine("continue") : null,
  ]);
  return { enrolled: [], progress: [], bookmarks: [], notes: [], ...overlay, begun: begun?.places };
}

// Draws anew, for the session that is `shown`.
async function draw(overlay) {
  const here = places();
  const begun = { ...here };
  for (const { video: id, position_s, at_ms } of overlay?.begun ?? []) begun[id] ??= { s: position_s, at: at_ms, done: false };
  if (!overlay && !Object.keys(here).length) return;
  const now = shown;
  const [marks] = await Promise.all([import("{{ asset('overlay-marks.js') }}"), styled()]);
  const left = location.pathname === "/" ? await (await import("{{ asset('overlay-continue.js') }}")).begun(begun) : null;
  const own = overlay && batch && !video ? await import("{{ asset('overlay-enrolment.js') }}") : null;
  if (shown !== now || whose().tag !== now) return;
  clear();
  drawn = [...marks.mark(here, overlay), ...marks.markBatch(overlay?.batch), ...(left?.() ?? [])];
  if (own) drawn.push(...own.enrolment(Number(batch), overlay.enrolled.includes(Number(batch))));
  if (player) await drawLecture(here[video], overlay, marks);
}

async function drawLecture(own, overlay, marks) {
  if (own && !own.done && own.s > 0 && !place.position_s) {
    const line = marks.element("p", "stopped", marks.stopped(own.s));
    player.after(line);
    drawn.push(line);
    player.dispatchEvent(new CustomEvent("lectern:resume", { detail: { position_s: own.s } }));
  }
  if (!overlay) return;
  if (panel?.tag !== shown) {
    const { panel: make } = await import("{{ asset('overlay-lecture.js') }}");
    if (whose().tag !== shown) return;
    panel = { tag: shown, box: make(video, player, overlay, () => place.position_s) };
  }
  document.querySelector(".watch .facts")?.after(panel.box);
  drawn.push(panel.box);
}

function clear() {
  for (const element of drawn) element.remove();
  drawn = [];
}

function undraw() {
  clear();
  shown = null;
}

// What is drawn has a style of its own, which who has nothing to show never loads.
function styled() {
  const href = "{{ asset('overlay.css') }}";
  if (document.querySelector(`link[href="${href}"]`)) return null;
  const link = document.createElement("link");
  link.rel = "stylesheet";
  link.href = href;
  document.head.append(link);
  return new Promise((done) => (link.onload = link.onerror = done));
}

async function tellers() {
  return (telling ??= await import("{{ asset('overlay-sync.js') }}"));
}

// Another student has logged in, or this one has logged out, in another tab or while the page was aside.
function compare() {
  if (shown === whose().tag) return;
  panel = null;
  undraw();
  open();
}

// What the player says of the lecture.
export async function told({ type, detail }) {
  if (type === "lectern:ended") {
    place = { position_s: 0, duration_s: detail.duration_s };
    record(video, detail.position_s, detail.duration_s, true);
  } else if (type === "lectern:position") {
    place = detail;
    if (Date.now() - recorded < EVERY_MS) return;
    recorded = Date.now();
    record(video, detail.position_s, detail.duration_s);
    (await tellers()).watching();
  }
}
for (const name of ["lectern:position", "lectern:ended"]) player?.addEventListener(name, told);
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) return compare();
  if (place.position_s) record(video, place.position_s, place.duration_s);
  if (whose().tag) tellers().then((sync) => sync.hidden(), () => {});
});
let deaf = onForgotten(compare);
addEventListener("pagehide", () => {
  undraw();
  deaf(); // an open channel may keep a browser from putting the page aside
});
addEventListener("pageshow", (event) => {
  if (!event.persisted) return;
  deaf = onForgotten(compare);
  panel = panel?.tag === whose().tag ? panel : null;
  open();
});
addEventListener("storage", compare);

if (document.prerendering) await new Promise((done) => document.addEventListener("prerenderingchange", done, { once: true }));
// The player's own script listens from then on.
if (document.readyState !== "complete") await new Promise((done) => ["DOMContentLoaded", "load"].forEach((name) => addEventListener(name, done)));
open();
