// On cards of lectures: a bar for how far, a word for what was watched to its end; on a batch's page how far it is done.
import { _, ngettext } from "{{ asset('words.js') }}";

// Draws what *places* (by id) and *overlay* (the API's, or null) say. Returns the elements that were put in.
export function mark(places, overlay) {
  const drawn = [];
  for (const card of document.querySelectorAll(".card[data-video]")) {
    const place = places[card.dataset.video];
    const kept = overlay?.bookmarks.includes(Number(card.dataset.video));
    if (!place && !kept) continue;
    const picture = card.querySelector(".pic");
    const length_s = seconds(picture.querySelector(".len")?.textContent);
    if (place && !place.done && length_s) drawn.push(put(picture, bar(place.s, length_s)));
    const words = [...(place?.done ? [_("Watched")] : place && !length_s ? [_("Begun")] : []), ...(kept ? [_("Kept")] : [])];
    if (words.length) drawn.push(put(picture, element("span", "mark", words.join(", "))));
  }
  return drawn;
}

// Fills the place that a batch's page has for it. *batch* is the overlay's.
export function markBatch(batch) {
  const line = document.querySelector(".done[data-batch]");
  if (!line || !(batch?.completed || batch?.started)) return [];
  const progress = line.querySelector("progress");
  progress.value = Math.min(batch.completed, progress.max);
  const words = line.querySelector("span");
  words.textContent = ngettext("%(n)s lecture watched", "%(n)s lectures watched", batch.completed);
  progress.setAttribute("aria-label", words.textContent);
  line.hidden = false;
  return [{ remove: () => Object.assign(line, { hidden: true }) && words.replaceChildren() }];
}

export function bar(value, max) {
  const progress = element("progress", "bar");
  progress.max = max;
  progress.value = Math.min(value, max);
  progress.setAttribute("aria-label", _("%(part)s percent watched", { part: Math.round((100 * progress.value) / max) }));
  return progress;
}

export const stopped = (s) => _("You stopped at %(at)s.", { at: clock(s) });

export function element(name, className, text = "") {
  const made = document.createElement(name);
  if (className) made.className = className;
  made.textContent = text;
  return made;
}

// "1:02:03" -> 3723
export function seconds(text) {
  return text && /^\d+(:\d\d)+$/.test(text) ? text.split(":").reduce((sum, part) => sum * 60 + Number(part), 0) : 0;
}

// 3723 -> "1:02:03"
export function clock(s) {
  const parts = [Math.floor(s / 3600), Math.floor(s / 60) % 60, Math.floor(s) % 60];
  return (parts[0] ? parts : parts.slice(1)).map((part, n) => (n ? String(part).padStart(2, "0") : part)).join(":");
}

function put(where, what) {
  where.append(what);
  return what;
}
