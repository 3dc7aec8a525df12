// Where the student is in lectures, kept in this browser first and told to the API in few writes.
// Two slots: of who was not signed in, which joins the next log-in's, and of one account, shown to its own session alone.
import { keep, kept, whose } from "{{ asset('overlay-session.js') }}";

const NOBODY = "lectern.nobody"; // {id: place}
const MINE = "lectern.mine"; // {account, tag, videos: {id: place}}
const MOST = 400; // places a slot; the oldest leave
const SMALLEST_S = 5; // who leaves sooner has not begun
const END_S = 15; // closing titles: done at this much, or this part, before the end
const END_PART = 0.05;

// A place: {s, at, done, owed, tick, told}. *at* is ms since 1970; *owed*: the API does not know it; *tick*: nor that it is done;
// *told*: since when it does, ms since 1970, where this browser has said it.

// By id, what may be shown in this page.
export function places() {
  const { tag } = whose();
  const mine = kept(MINE);
  return { ...(tag && mine?.tag === tag ? mine.videos : {}), ...(kept(NOBODY) ?? {}) };
}

export function record(video, position_s, duration_s, ended = false) {
  if (position_s < SMALLEST_S && !ended) return;
  const near = ended || (duration_s > 0 && duration_s - position_s <= Math.max(END_S, duration_s * END_PART));
  change((videos) => {
    const before = videos[video];
    const tick = before?.tick || (near && !before?.done);
    videos[video] = { s: ended ? 0 : Math.round(position_s), at: Date.now(), done: before?.done || near, owed: true, tick };
  });
}

// The session is *account*'s: what nobody owned joins it, and what another account left here is dropped.
export function adopt(account) {
  const { tag } = whose();
  const before = kept(MINE);
  const mine = before?.account === account ? { ...before, tag } : { account, tag, videos: {} };
  const nobodys = kept(NOBODY) ?? {};
  for (const [id, place] of Object.entries(nobodys)) {
    const own = mine.videos[id];
    if (!own || own.at < place.at) mine.videos[id] = { ...place, done: place.done || Boolean(own?.done), owed: true };
    else if (place.tick && !own.done) mine.videos[id] = { ...own, done: true, tick: true, owed: true };
  }
  bound(mine.videos);
  keep(MINE, mine);
  localStorage.removeItem(NOBODY);
}

// What the API says of the videos *asked*, at *asked_ms*. What it was not told by then stands.
export function take(asked, progress, asked_ms) {
  const said = new Map(progress.map((place) => [String(place.video), place]));
  change((videos) => {
    for (const id of asked.map(String)) {
      const own = videos[id];
      const { position_s, completed } = said.get(id) ?? {};
      if (own?.owed || own?.told >= asked_ms) own.done ||= Boolean(completed);
      else if (said.has(id)) videos[id] = { s: position_s, at: own?.at ?? 0, done: completed, owed: false, tick: false };
      else delete videos[id];
    }
  });
}

// What the API is still to be told, as it wants it.
export function owed() {
  const mine = kept(MINE);
  if (!mine || mine.tag !== whose().tag) return [];
  return Object.entries(mine.videos).filter(([, place]) => place.owed).map(([id, place]) => (
    { video: Number(id), position_s: place.s, at_ms: place.at, ...(place.tick ? { completed: true } : {}) }));
}

// It knows *entries* now; what was recorded meanwhile is owed still.
export function paid(entries) {
  change((videos) => {
    const now = { owed: false, tick: false, told: Date.now() };
    for (const { video, at_ms } of entries) if (videos[video]?.at === at_ms) Object.assign(videos[video], now);
  });
}

// The student has let it be forgotten.
export function drop(video) {
  change((videos) => delete videos[video]);
}

function change(work) {
  const { tag } = whose();
  const mine = kept(MINE);
  const own = Boolean(tag) && mine?.tag === tag; // else nobody is signed in, or the API has not said yet who
  const videos = own ? mine.videos : (kept(NOBODY) ?? {});
  work(videos);
  bound(videos);
  keep(own ? MINE : NOBODY, own ? mine : videos);
}

function bound(videos) {
  const ids = Object.keys(videos);
  if (ids.length <= MOST) return;
  ids.sort((a, b) => videos[a].at - videos[b].at);
  for (const id of ids.slice(0, ids.length - MOST)) delete videos[id];
}
