// Sorts and filters the list after a form.browse, in place; the address's query says what is shown.
// Facts stand at each item: data-s (seconds), data-y (year), data-l (spoken language).
import { _ } from "{{ asset('words.js') }}";

const form = document.querySelector("form.browse");
const list = form.parentElement.querySelector("form.browse ~ ul, form.browse ~ ol");
const pager = form.closest("main").querySelector(".pager");
const tongue = document.documentElement.lang;
const collator = new Intl.Collator(tongue, { numeric: true, sensitivity: "base" });
const names = new Intl.DisplayNames([tongue], { type: "language" });
const fields = new Map([...form.querySelectorAll("select")].map((select) => [select.name, select]));
const here = [...list.children].map(facts);
let all = form.dataset.more ? null : here; // null until the whole batch has been asked for
let turn = 0;

const ORDERS = {
  newest: (a, b) => b.year.localeCompare(a.year),
  oldest: (a, b) => (a.year || "9999").localeCompare(b.year || "9999"),
  shortest: (a, b) => (a.seconds || 1e9) - (b.seconds || 1e9),
  longest: (a, b) => b.seconds - a.seconds,
  title: (a, b) => collator.compare(a.title, b.title),
};

function facts(element, place) {
  const { s, y, l } = element.dataset;
  return { element, place, seconds: Number(s) || 0, year: y || "", language: l || "", title: element.querySelector(".t").textContent };
}

function chosen(name) {
  return fields.get(name)?.value || "";
}

async function show() {
  const mine = ++turn;
  const asked = [...fields.keys()].some(chosen);
  const from = asked ? await items() : here;
  if (mine !== turn) return; // another choice came meanwhile
  const order = ORDERS[chosen("sort")];
  const shown = asked ? from.filter(fits) : here;
  if (order) shown.sort((a, b) => order(a, b) || a.place - b.place);
  list.replaceChildren(...shown.map((item) => item.element));
  const status = form.querySelector(".shown");
  status.hidden = !asked;
  status.firstChild.textContent = _("%(shown)s of %(all)s shown.", { shown: shown.length, all: from.length });
  if (pager && form.dataset.more) pager.hidden = asked; // the list holds the whole batch now
}

function fits(item) {
  const year = chosen("year"), language = chosen("language"), length = chosen("length");
  const [low, high] = length.split("-").map(Number);
  return (!year || item.year === year) && (!language || item.language === language)
    && (!length || (item.seconds > 0 && item.seconds >= low && item.seconds < (high || Infinity)));
}

// The page's own items, and, of a batch of several pages, the others as its JSON tells them.
async function items() {
  if (all) return all;
  const answer = await fetch(form.dataset.more).catch(() => null);
  if (!answer?.ok) return here;
  const known = new Map(here.map((item) => [item.element.dataset.video, item.element]));
  const { videos } = await answer.json();
  all = videos.map((video, place) => facts(known.get(String(video.id)) ?? drawn(video), place));
  for (const { element, place } of all) element.value = place + 1;
  offer(all);
  return all;
}

// A lecture as the page would show it, made of one that the page shows.
function drawn(video) {
  const element = here[0].element.cloneNode(true);
  element.dataset.video = video.id;
  for (const [name, value] of [["s", video.duration_s], ["y", video.year], ["l", video.language]]) {
    if (value) element.dataset[name] = value;
    else delete element.dataset[name];
  }
  const title = element.querySelector(".t");
  title.textContent = video.title;
  title.removeAttribute("lang");
  title.href = `/videos/${encodeURIComponent(video.slug)}/`;
  element.querySelector(".pic").replaceChildren(made("span", "len", video.duration_s ? clock(video.duration_s) : ""));
  element.querySelector(".who")?.remove();
  if (video.by.length) {
    const by = document.createElement("span");
    for (const name of video.by.slice(0, 3)) by.append(by.firstChild ? ", " : "", made("bdi", "", name));
    element.appendChild(made("p", "who", "")).append(by);
  }
  return element;
}

function made(tag, name, text) {
  const element = document.createElement(tag);
  if (name) element.className = name;
  element.textContent = text;
  return element;
}

function clock(seconds) {
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  const two = (n) => String(n).padStart(2, "0");
  return h ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

// The years and languages that the items have; a choice of one is none.
function offer(of) {
  const years = [...new Set(of.map((item) => item.year).filter(Boolean))].sort().reverse();
  const spoken = [...new Set(of.map((item) => item.language).filter(Boolean))].map((code) => [code, named(code)]);
  options(fields.get("year"), years.map((year) => [year, year]));
  options(fields.get("language"), spoken.sort((a, b) => collator.compare(a[1], b[1])));
}

function named(code) {
  try {
    return names.of(code);
  } catch {
    return code;
  }
}

function options(select, pairs) {
  if (!select) return;
  const before = select.value;
  select.length = 1;
  for (const [value, text] of pairs) select.add(new Option(text, value));
  select.value = pairs.some(([value]) => value === before) ? before : "";
  select.disabled = pairs.length < 2;
}

async function read() {
  const query = new URLSearchParams(location.search);
  if ([...fields.keys()].some((name) => query.get(name))) await items();
  for (const [name, select] of fields) {
    const value = query.get(name) ?? "";
    select.value = [...select.options].some((option) => option.value === value) ? value : "";
  }
  await show();
}

function write() {
  const query = new URLSearchParams(location.search);
  for (const name of fields.keys()) {
    query.delete(name); // and set anew, so that one choice has one address
    if (chosen(name)) query.set(name, chosen(name));
  }
  history.replaceState(history.state, "", query.size ? `?${query}` : location.pathname);
}

offer(here);
for (const [name, select] of fields) {
  if (name === "length" || name === "sort") select.disabled = false;
  if (!form.dataset.more || select.disabled === false) continue;
  // What a batch's other pages hold is not known yet: it is asked before the choice opens.
  select.disabled = false;
  for (const deed of ["pointerenter", "focus"]) select.addEventListener(deed, items, { once: true });
}
form.addEventListener("change", () => { write(); show(); });
form.addEventListener("reset", () => setTimeout(() => { write(); show(); }));
form.addEventListener("submit", (event) => event.preventDefault());
addEventListener("popstate", read);
read();
