// A lecture that was found, as a card: title, batch, instructors, year, length; the letters that were asked for are marked.
import { fold, split } from "{{ asset('search-terms.js') }}";

export function card(lecture, terms) {
  const item = element("li", "card");
  item.dataset.video = lecture.id;
  const title = element("a", "t", { href: `/videos/${encodeURIComponent(lecture.slug)}/`, dir: "auto" });
  title.append(...marked(lecture.title, terms));
  const who = element("p", "who");
  const people = lecture.instructors.slice(0, 3).map(({ name }) => {
    const one = element("bdi");
    one.append(...marked(name, terms));
    return one;
  });
  if (people.length) {
    const names = element("span");
    names.append(...people.flatMap((one, n) => (n ? [", ", one] : [one])));
    who.append(names);
  }
  const batch = element("span", "", { dir: "auto" });
  batch.append(...marked(lecture.batch.title, terms));
  who.append(batch);
  const year = lecture.recorded_on?.slice(0, 4);
  if (year && !lecture.batch.title.includes(year)) who.append(element("span", "y", {}, year)); // "PyCon 2025" has said it
  if (lecture.duration_s) who.append(element("span", "", {}, clock(lecture.duration_s)));
  item.append(title, who);
  return item;
}

// The text in pieces, those that begin as a term does in <mark>.
function marked(text, terms) {
  const asked = [...terms];
  return [...text.matchAll(/[\p{L}\p{M}\p{N}+#'’]+|[^\p{L}\p{M}\p{N}+#'’]+/gu)].map(([piece]) => {
    const found = split(piece);
    const hit = found.length && (asked.includes(fold(piece)) || found.some((term) => asked.includes(term)));
    return hit ? element("mark", "", {}, piece) : piece;
  });
}

function clock(seconds) {
  const [hours, minutes, rest] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  const two = (number) => String(number).padStart(2, "0");
  return hours ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
}

function element(name, of = "", attributes = {}, text = "") {
  const made = document.createElement(name);
  if (of) made.className = of;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.textContent = text;
  return made;
}
