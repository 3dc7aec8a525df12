// The list of a kind: sought, filtered, sorted, selected. What is shown stands in the address.
import { desk } from "{{ asset('desk-api.js') }}";
import { button, made, said } from "{{ asset('desk-dom.js') }}";
import { STATES, moment, number } from "{{ asset('desk-labels.js') }}";
import { _, ngettext } from "{{ asset('words.js') }}";

const WAIT_MS = 200;
const MOST = 100; // that are selected at once
const collator = new Intl.Collator(document.documentElement.lang, { numeric: true });
const SORTS = {
  newest: (a, b) => b.id - a.id, oldest: (a, b) => a.id - b.id, title: (a, b) => collator.compare(a.title, b.title),
  status: (a, b) => collator.compare(a.status ?? "", b.status ?? "") || b.id - a.id,
};

// The list of *kind* in *place*. *bulk*: called with the things selected, each time that others are.
export function list(place, kind, bulk) {
  const query = new URLSearchParams(location.search);
  let things = [];
  let fresh = []; // new ones, not published yet
  let after = null;
  let turn = 0, timer;
  const selected = new Map();
  const q = made("input", { id: "q", type: "search", value: query.get("q") ?? "", maxlength: 200, autocomplete: "off", oninput: () => { clearTimeout(timer); timer = setTimeout(again, WAIT_MS); } });
  const states = kind === "video" ? ["draft", "scheduled", "published", "withdrawn", "waiting", "aside"] : ["waiting", "aside"];
  const status = select("status", _("Status"), [["", _("all")], ...states.map((one) => [one, STATES[one]])], again);
  const sort = select("sort", _("Sort"), [["newest", _("newest")], ["oldest", _("oldest")], ["title", _("title")], ...(kind === "video" ? [["status", _("status")]] : [])], () => (show(), write()));
  const all = made("input", { type: "checkbox", id: "all", onchange: () => choose(things.slice(0, MOST), all.checked) });
  const count = made("span", { class: "hint", role: "status" });
  const items = made("ul", { class: "things" });
  const more = button(_("More"), () => load(true));
  const batch = query.get("batch");
  place.replaceChildren(
    made("div", { class: "tools" },
      made("div", { class: "field" }, made("label", { for: "q", class: "aloud" }, _("Search titles and addresses")), q),
      made("a", { class: "button", href: "#new", "data-new": true }, _("New")),
      status.element, sort.element),
    batch ? made("p", { class: "hint" }, _("Only of one batch."), " ", made("a", { href: location.pathname }, _("All"))) : "",
    made("div", { class: "selecting" }, made("label", {}, all, _("Select all shown")), count),
    items, more);
  q.placeholder = _("Search");
  if (query.get("status")) status.input.value = query.get("status");
  if (query.get("sort") in SORTS) sort.input.value = query.get("sort");

  function select(name, label, options, onchange) {
    const input = made("select", { id: `list-${name}`, onchange }, options.map(([value, text]) => made("option", { value }, text)));
    return { input, element: made("div", { class: "field" }, made("label", { for: input.id }, label), input) };
  }

  async function again() {
    write();
    await load(false);
  }

  async function load(further) {
    const mine = ++turn;
    const asked = new URLSearchParams({ q: q.value.trim(), status: status.input.value, limit: "50" });
    if (batch) asked.set("batch", batch);
    if (further && after) asked.set("after", after);
    try {
      const [told, mineOpen] = await Promise.all([desk("GET", `things/${kind}?${asked}`), further ? null : desk("GET", "edits?limit=100")]);
      if (mine !== turn) return;
      things = further ? [...things, ...told.things] : told.things;
      if (mineOpen) fresh = mineOpen.edits.filter((one) => one.kind === kind && one.deed === "create");
      after = told.next;
      show();
    } catch (error) {
      if (mine === turn) items.replaceChildren(made("li", { class: "warning" }, error.message));
    }
  }

  function show() {
    const sorted = [...things].sort(SORTS[sort.input.value]);
    const here = decodeURIComponent(location.hash.slice(1));
    const focused = document.activeElement?.closest?.(".things a, .things input");
    items.replaceChildren(
      ...fresh.map((edit) => made("li", {}, made("a", { href: `#e${edit.id}`, "aria-current": here === `e${edit.id}` ? "true" : null },
        said(edit.changes.title || _("Without a title"), { class: "t" }), made("span", { class: "states" }, pill("waiting", _("new, not published")))))),
      ...sorted.map(row));
    if (!items.children.length) items.append(made("li", { class: "empty" }, _("Nothing here. Choose another filter, or make a new one.")));
    if (focused) items.querySelector(focused.hash ? `a[href="${CSS.escape(focused.hash)}"]` : `input[value="${focused.value}"]`)?.focus();
    more.hidden = !after;
    count.textContent = selected.size ? ngettext("%(n)s selected", "%(n)s selected", selected.size) : `${number(things.length)}${after ? "+" : ""}`;
    all.checked = things.length > 0 && things.slice(0, MOST).every((one) => selected.has(one.id));
  }

  function row(one) {
    const box = made("input", { type: "checkbox", value: one.id, checked: selected.has(one.id), "aria-label": _("Select %(title)s", { title: one.title }), onchange: () => choose([one], box.checked) });
    return made("li", {}, box, made("a", { href: `#${one.id}`, "aria-current": location.hash === `#${one.id}` ? "true" : null },
      said(one.title, { class: "t" }), made("span", { class: "states" },
        one.status && pill(one.status), one.waiting && pill("waiting"), one.aside && pill("aside"),
        one.status === "scheduled" && one.publish_at && made("span", { class: "hint" }, moment(one.publish_at)),
        one.videos !== null && made("span", { class: "hint" }, ngettext("%(n)s lecture", "%(n)s lectures", one.videos)))));
  }

  function choose(ones, on) {
    for (const one of ones) {
      if (!on) selected.delete(one.id);
      else if (selected.size < MOST) selected.set(one.id, one);
    }
    show();
    bulk([...selected.values()]);
  }

  function write() {
    const said_ = new URLSearchParams();
    if (batch) said_.set("batch", batch);
    if (q.value.trim()) said_.set("q", q.value.trim());
    if (status.input.value) said_.set("status", status.input.value);
    if (sort.input.value !== "newest") said_.set("sort", sort.input.value);
    window.history.replaceState(null, "", `${location.pathname}${said_.size ? `?${said_}` : ""}${location.hash}`);
  }

  addEventListener("hashchange", show);
  load(false);
  return {
    refresh: () => load(false),
    clear: () => { selected.clear(); show(); },
    search: () => q.focus(),
    // The next thing (or the one before) gets the focus.
    step(by) {
      const links = [...items.querySelectorAll("a")];
      const at = links.findIndex((one) => one === document.activeElement);
      const from = at >= 0 ? at : links.findIndex((one) => one.getAttribute("aria-current"));
      links[Math.max(0, Math.min(links.length - 1, from + by))]?.focus();
    },
  };
}

// A state as a word and a colour.
export const pill = (state, text = STATES[state]) => made("span", { class: `pill ${state}` }, text);
