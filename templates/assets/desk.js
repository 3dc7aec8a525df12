// The editors' desk: who is there, and what this page of it holds.
import { ask, whose } from "{{ asset('desk-api.js') }}";
import { bulk } from "{{ asset('desk-bulk.js') }}";
import { files } from "{{ asset('desk-files.js') }}";
import { health } from "{{ asset('desk-health.js') }}";
import { history } from "{{ asset('desk-history.js') }}";
import { keys } from "{{ asset('desk-keys.js') }}";
import { list } from "{{ asset('desk-list.js') }}";
import { made } from "{{ asset('desk-dom.js') }}";
import { releases } from "{{ asset('desk-releases.js') }}";
import { done } from "{{ asset('desk-result.js') }}";
import { leave, previewNow, publishNow, saveNow, thing } from "{{ asset('desk-thing.js') }}";
import { _ } from "{{ asset('words.js') }}";

const place = document.querySelector(".place");
const { place: name, kind } = document.body.dataset;

async function begin() {
  try {
    await ask("GET", "desk/edits?limit=1"); // asks to log in where need be
    const { account } = await whose();
    document.querySelector("[data-who]").textContent = account.name || account.email;
    await show(account.role === "admin");
  } catch (error) {
    place.replaceChildren(made("p", { class: "warning", role: "alert" }, error.status === 403 ? _("The desk is for editors. Your account is none: ask who runs the site.")
      : error.status === 404 ? _("The desk is switched off on the server: set LECTERN_DESK=yes there too.") : error.message));
  }
}

async function show(isAdmin) {
  if (kind) return both();
  keys({});
  if (name === "files") return files(place);
  if (name === "health") return health(place);
  if (name === "releases") return releases(place, isAdmin);
  const result = made("div", { class: "result" });
  const entries = made("div", {});
  place.replaceChildren(result, entries);
  const again = () => history(entries, "history", { all: true,
    undone: (published) => { again(); done(result, published, again); }, failed: (error) => result.replaceChildren(made("p", { class: "error", role: "alert" }, error.message)) });
  return again();
}

// Left the list, right the thing that the address names, or what is selected.
function both() {
  const right = made("section", { class: "right", "aria-label": _("What is open") });
  const left = made("section", { class: "left", "aria-label": _("List") });
  place.replaceChildren(made("div", { class: "both" }, left, right));
  const there = list(left, kind, (things) => {
    if (!things.length) return opened();
    leave();
    document.body.classList.add("open");
    bulk(right, kind, things, { changed: there.refresh, clear: () => { there.clear(); opened(); } });
  });
  const opened = () => {
    const id = decodeURIComponent(location.hash.slice(1));
    const isOne = /^(\d+|e\d+|new)$/.test(id);
    document.body.classList.toggle("open", isOne);
    if (isOne) return thing(right, kind, /^\d+$/.test(id) ? Number(id) : id, there.refresh);
    leave();
    return right.replaceChildren(made("p", { class: "empty" }, _("Choose one from the list, or make a new one. Press ? for the keys.")));
  };
  addEventListener("hashchange", () => {
    there.clear();
    opened();
  });
  keys({ search: there.search, next: () => there.step(1), before: () => there.step(-1), fresh: () => { location.hash = "#new"; }, save: saveNow, publish: publishNow, preview: previewNow });
  opened();
}

begin();
