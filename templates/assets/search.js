// The search page: what is typed is looked for while it is typed, and stands in the address, so that a search can be shared,
// reloaded and gone back to. Arrows go through what was found.
import { Index, OtherFormat, ranked } from "{{ asset('search-index.js') }}";
import { _, ngettext } from "{{ asset('words.js') }}";
import { card } from "{{ asset('search-card.js') }}";
import { keep, kept } from "{{ asset('overlay-session.js') }}";

const WAIT_MS = 30; // after a letter, for the next of one stroke
const FIRST = 12;
const ANEW = "lectern.anew"; // when this page was last loaded anew, ms since 1970
const ANEW_REST_MS = 60_000; // what still does not fit then is an edge's old page

const form = document.querySelector("form.search[data-page]");
const field = form.elements.q;
const filters = ["subject", "language", "year"].map((name) => form.elements[name]);
const list = document.getElementById("hits");
const said = document.getElementById("found");
const more = document.getElementById("more");
const nothing = document.getElementById("nothing");
const index = new Index(json);
const facts = new Map();

let asking = new AbortController();
let waiting = 0;
let shown = [];

async function json(path, signal) {
  const answer = await fetch(path, { signal });
  if (answer.status === 404 || answer.status === 410) return null;
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  return answer.json();
}

async function search() {
  asking.abort();
  asking = new AbortController();
  const { signal } = asking;
  const query = field.value.trim();
  const chosen = Object.fromEntries(filters.map((select) => [select.name, select.value]));
  if (!query && !Object.values(chosen).some(Boolean)) return show([], { words: [], hits: [], whole: true }, "");
  list.setAttribute("aria-busy", "true");
  try {
    const found = await index.find(query, chosen);
    if (signal.aborted) return undefined;
    const first = ranked(found.hits.slice(0, FIRST), await factsOf(found.hits.slice(0, FIRST), signal), found.terms);
    if (signal.aborted) return undefined;
    shown = [...first, ...found.hits.slice(FIRST)];
    return show(first, found, query);
  } catch (error) {
    if (error.name === "AbortError") return undefined;
    if (error instanceof OtherFormat && mayReload()) return location.reload(); // with the address, which says what was typed
    said.textContent = _("The search could not be loaded. Try again in a moment.");
    return undefined;
  } finally {
    if (!signal.aborted) list.removeAttribute("aria-busy");
  }
}

function mayReload() {
  if (Date.now() - (kept(ANEW, sessionStorage) ?? 0) < ANEW_REST_MS) return false;
  keep(ANEW, Date.now(), sessionStorage);
  return kept(ANEW, sessionStorage) !== null; // in a browser that keeps nothing it would never end
}

// What a page of its own says of a lecture; one that left since is no hit.
async function factsOf(hits, signal) {
  await Promise.all(hits.filter(({ id }) => !facts.has(id)).map(async ({ id }) => {
    const lecture = await json(`/data/video/${id}.json`, signal);
    if (lecture) facts.set(id, lecture);
  }));
  return facts;
}

function show(first, found, query) {
  list.replaceChildren(...first.map(({ id }) => card(facts.get(id), found.terms)));
  const count = found.hits.length;
  said.textContent = count ? ngettext("%(n)s lecture", "%(n)s lectures", count)
    : query ? _("Nothing was found. Fewer words, or others, may find more.") : "";
  if (count && !found.whole) said.append(" · ", _("No lecture has all of these words."));
  more.hidden = count <= FIRST;
  nothing.hidden = !query || count > 0;
  subjects(first);
}

async function further() {
  const { signal } = asking;
  const begun = list.children.length;
  const next = shown.slice(begun, begun + FIRST);
  await factsOf(next, signal);
  const terms = [...list.querySelectorAll("mark")].map((mark) => mark.textContent);
  list.append(...next.filter(({ id }) => facts.has(id)).map(({ id }) => card(facts.get(id), terms)));
  more.hidden = begun + FIRST >= shown.length;
  list.children[begun]?.querySelector("a").focus();
}

// The subjects of what was found can narrow it down.
function subjects(first) {
  const select = form.elements.subject;
  const names = new Map(first.flatMap(({ id }) => facts.get(id).subjects.map((subject) => [subject.slug, subject.title])));
  const chosen = select.value;
  for (const option of [...select.options].slice(1)) if (option.value !== chosen) option.remove();
  names.delete(chosen);
  for (const [slug, title] of [...names].sort(([, a], [, b]) => a.localeCompare(b))) select.add(new Option(title, slug));
}

function address() {
  const asked = new URLSearchParams();
  for (const element of [field, ...filters]) if (element.value.trim()) asked.set(element.name, element.value.trim());
  const query = asked.toString();
  return query ? `/search/?${query}` : "/search/";
}

async function read() {
  const asked = new URLSearchParams(location.search);
  field.value = asked.get("q") ?? "";
  for (const select of filters) {
    const value = (asked.get(select.name) ?? "").slice(0, 200);
    if (value && ![...select.options].some((option) => option.value === value)) select.add(new Option(value, value));
    select.value = value;
  }
  await search();
}

async function choices() {
  const names = new Intl.DisplayNames([document.documentElement.lang], { type: "language" });
  const [languages, years] = await Promise.all([index.choices("language"), index.choices("year")]);
  add(form.elements.language, languages.map((code) => [code, names.of(code)]).sort(([, a], [, b]) => a.localeCompare(b)));
  add(form.elements.year, years.reverse().map((year) => [year, year]));
  form.querySelector(".narrow").hidden = false;
}

function add(select, options) {
  const chosen = select.value;
  select.length = 1;
  for (const [value, text] of options) select.add(new Option(text, value));
  if (chosen && ![...select.options].some((option) => option.value === chosen)) select.add(new Option(chosen, chosen));
  select.value = chosen;
}

function typed() {
  clearTimeout(waiting);
  waiting = setTimeout(() => {
    history.replaceState(null, "", address());
    search();
  }, WAIT_MS);
}

function chosen() {
  clearTimeout(waiting);
  history.pushState(null, "", address());
  search();
}

function step(event) {
  const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  const links = [...list.querySelectorAll("a.t")];
  if (!by || !links.length || event.target.matches("select, button")) return;
  const to = links.indexOf(document.activeElement) + by;
  event.preventDefault();
  (links[to] ?? (to < 0 ? field : links.at(-1))).focus();
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  chosen();
});
form.addEventListener("change", (event) => event.target !== field && chosen());
field.addEventListener("input", typed);
form.addEventListener("keydown", step);
list.addEventListener("keydown", step);
more.querySelector("button").addEventListener("click", further);
addEventListener("popstate", read);
await read();
if (!field.value) field.focus();
choices().catch(() => {}); // without them the search goes on
