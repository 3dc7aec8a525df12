// On the home page: what to go on with. Titles come from the site's own static JSON, and are put in as text.
import { _ } from "{{ asset('words.js') }}";
import { bar, clock, element } from "{{ asset('overlay-marks.js') }}";

const MOST = 4; // a row

// *places* by id. Returns what fills the place that the page has for it and gives what takes it out again; null where nothing is begun.
export async function begun(places) {
  const wanted = Object.entries(places).filter(([, place]) => !place.done && place.s > 0).sort(([, a], [, b]) => b.at - a.at);
  const found = await Promise.all(wanted.slice(0, MOST).map(([id, place]) => lecture(id, place)));
  const cards = found.filter(Boolean);
  if (!cards.length) return null;
  const section = document.getElementById("continue");
  const list = section?.querySelector(".cards");
  return list && (() => {
    list.replaceChildren(...cards);
    section.hidden = false;
    return [{ remove: () => Object.assign(section, { hidden: true }) && list.replaceChildren() }];
  });
}

async function lecture(id, place) {
  const facts = await fetch(`/data/video/${id}.json`).then((response) => (response.ok ? response.json() : null)).catch(() => null);
  if (typeof facts?.slug !== "string" || typeof facts.title !== "string") return null; // withdrawn since
  const card = element("li", "card");
  const picture = element("span", `pic h${((facts.batch?.id ?? 0) * 137) % 36} p${facts.id % 12}`);
  if (facts.duration_s) picture.append(bar(place.s, facts.duration_s));
  const link = element("a", "t", facts.title);
  link.dir = "auto";
  link.href = `/videos/${encodeURIComponent(facts.slug)}/`;
  const at = clock(place.s);
  const words = facts.duration_s ? _("at %(at)s of %(length)s", { at, length: clock(facts.duration_s) }) : _("at %(at)s", { at });
  card.append(picture, link, element("p", "who", words));
  return card;
}
