// The form of a thing: its fields, what they hold, and what is wrong with them, beside each and at the top.
import { desk, question } from "{{ asset('desk-api.js') }}";
import { button, made } from "{{ asset('desk-dom.js') }}";
import { order } from "{{ asset('desk-order.js') }}";
import { pick } from "{{ asset('desk-picker.js') }}";
import { rows } from "{{ asset('desk-rows.js') }}";
import { text } from "{{ asset('desk-description.js') }}";
import { FIELDS, clock, length } from "{{ asset('desk-labels.js') }}";
import { _ } from "{{ asset('words.js') }}";

const OF = {
  video: ["title", "batch", "instructors", "subjects", "sources", "description", "resources", "captions", "duration_s", "language",
    "recorded_on", "picture_url", "licence", "slug"],
  batch: ["title", "course", "gated", "description", "starts_on", "ends_on", "url", "videos", "slug"],
  course: ["title", "description", "slug"], subject: ["title", "slug"], instructor: ["title", "slug"],
};
const HINTS = {
  slug: _("The last part of its page's address. Leave it empty for one made of the title; an old one leads on."),
  duration_s: _("As 1:02:03 or 62:03."), language: _("A code: en, hi, pt-BR."), gated: _("Its pages stay public; what plays is for who is enrolled."),
  title: "", licence: _("Such as CC BY 4.0."), picture_url: _("The address of a picture; the site keeps a copy of its own."),
};
const DAYS = ["starts_on", "ends_on", "recorded_on"];
const NULL_WHERE_EMPTY = [...DAYS, "url", "language", "picture_url"];

// A form for *kind*. `changed` is called with each edit. *names*: a map of `kind:id`, which grows.
export function form(kind, id, names, changed) {
  const controls = {};
  const errors = made("div", { class: "errors", role: "alert", tabindex: "-1", hidden: true });
  const fields = OF[kind].filter((name) => id !== null || name !== "videos").map(field);
  const element = made("form", { class: "thing", novalidate: true, onsubmit: (event) => event.preventDefault() }, errors, fields);
  if (kind === "video") fields[id === null ? 0 : OF.video.indexOf("sources")].before(pasted());

  function field(name) {
    const at = `f-${name}`;
    const hint = HINTS[name] && made("p", { class: "hint", id: `${at}-hint` }, HINTS[name]);
    if (name === "description") {
      const both = text(at, changed);
      controls.description = both.description;
      controls.description_markup = both.description_markup;
      return wrap(name, at, both.element, hint);
    }
    controls[name] = control(name, at);
    const { element: content = controls[name].input, input } = controls[name];
    if (hint) input.setAttribute("aria-describedby", hint.id);
    if (name === "gated") return made("div", { class: "field", "data-field": name }, made("label", { class: "switch" }, input, FIELDS[name]), hint);
    return wrap(name, at, content, hint);
  }

  function wrap(name, at, content, hint) {
    const grouped = ["sources", "resources", "captions", "videos"].includes(name);
    const label = grouped ? made("h3", { id: `${at}-name` }, FIELDS[name]) : made("label", { for: at }, kind === "instructor" && name === "title" ? _("Name") : FIELDS[name]);
    return made("div", { class: "field", "data-field": name, role: grouped ? "group" : null, "aria-labelledby": grouped ? `${at}-name` : null }, label, hint, content);
  }

  function control(name, at) {
    if (name === "course" || name === "batch") return pick(at, name, { names, changed });
    if (name === "subjects" || name === "instructors") return pick(at, name.slice(0, -1), { many: true, names, changed, make: (title) => fresh(name.slice(0, -1), title) });
    if (["sources", "resources", "captions"].includes(name)) return rows(at, name, changed);
    if (name === "videos") return order(at, names, changed);
    const input = made("input", { id: at, type: name === "gated" ? "checkbox" : DAYS.includes(name) ? "date" : "text", maxlength: 2048, autocomplete: "off", oninput: changed });
    if (name === "title") input.setAttribute("dir", "auto");
    if (name === "gated") return { input, get: () => input.checked, set: (value) => (input.checked = Boolean(value)) };
    if (name === "duration_s") return { input, get: () => (input.value.trim() ? length(input.value) : null), set: (value) => (input.value = clock(value)) };
    const empty = NULL_WHERE_EMPTY.includes(name) ? null : "";
    return { input, get: () => input.value || empty, set: (value) => (input.value = value ?? "") };
  }

  function pasted() {
    const input = made("input", { id: "f-pasted", type: "url", maxlength: 2048, autocomplete: "off", placeholder: "https://", onkeydown: (event) => event.key === "Enter" && (event.preventDefault(), fill()) });
    const note = made("p", { class: "hint", role: "status" }, _("YouTube, Vimeo, PeerTube, the Internet Archive, an HLS stream or a file: what its provider tells is filled in."));
    const go = button(_("Fill in"), fill);
    async function fill() {
      if (!input.value.trim()) return input.focus();
      note.textContent = _("Asking the provider …");
      try {
        const { answer } = await question("fills", { url: input.value.trim() });
        const there = controls.sources.get();
        if (!there.some((one) => one.url === answer.source.url)) controls.sources.set([...there, answer.source]);
        for (const name of ["title", "duration_s", "picture_url"]) if (answer[name] && !controls[name].get()) controls[name].set(answer[name]);
        note.textContent = answer.outcome === "found" ? _("Filled in from %(provider)s.", { provider: answer.provider })
          : _("%(provider)s tells nothing of it (%(why)s): fill the rest in by hand.", { provider: answer.provider, why: answer.why });
        input.value = "";
        changed();
      } catch (error) {
        note.textContent = error.message;
      }
    }
    return made("div", { class: "field paste" }, made("label", { for: input.id }, _("Paste a recording's address")), made("div", { class: "inline" }, input, go), note);
  }

  return {
    element,
    // What the form holds that differs from *base*; a length that is none is left as it was.
    changes(base) {
      const found = {};
      for (const [name, { get }] of Object.entries(controls)) {
        const value = get();
        const before = base[name] ?? (Array.isArray(value) ? [] : name === "gated" ? false : NULL_WHERE_EMPTY.includes(name) || name === "duration_s" || name === "batch" || name === "course" ? null : name === "description_markup" ? "markdown" : "");
        if (Number.isNaN(value) || (value === null && (name === "batch" || name === "course"))) continue;
        if (JSON.stringify(value) !== JSON.stringify(before)) found[name] = value;
      }
      return found;
    },
    set(values) {
      for (const [name, { set }] of Object.entries(controls)) set(values[name]);
    },
    wrong: () => (controls.duration_s && Number.isNaN(controls.duration_s.get()) ? [{ field: "duration_s", why: _("Write a length as 1:02:03.") }] : []),
    focus: () => element.querySelector("input").focus(),
    show: (found) => show(element, errors, found),
  };
}

// A new subject or instructor, made at once: a lecture can name only what is there.
async function fresh(kind, title) {
  const edit = await desk("POST", "edits", { kind, deed: "create", changes: { title } });
  const done = await desk("POST", `edits/${edit.id}/publish`, {}, { seen: edit.etag });
  return done.edits[0].thing;
}

// What is wrong: [{field, why}]; "" for what is no field's. An empty list takes it all away.
function show(element, box, found) {
  for (const old of element.querySelectorAll(".error")) old.remove();
  for (const input of element.querySelectorAll("[aria-invalid]")) {
    input.removeAttribute("aria-invalid");
    input.removeAttribute("aria-errormessage");
  }
  box.hidden = !found.length;
  if (!found.length) return box.replaceChildren();
  box.replaceChildren(made("h2", {}, _("There is a problem")), made("ul", {}, found.map(({ field, why }) => {
    const [name, n, part] = (field ?? "").replace(/^changes\./, "").split(/[[\].]+/);
    const input = element.querySelector(`#f-${CSS.escape(name)}-${n}-${CSS.escape(part ?? "")}`) ?? element.querySelector(`#f-${CSS.escape(name || "none")}`);
    if (!input) return made("li", {}, why);
    const words = made("p", { class: "error", id: `${input.id}-error` }, why);
    input.before(words);
    input.setAttribute("aria-invalid", "true");
    input.setAttribute("aria-errormessage", words.id);
    return made("li", {}, made("a", { href: `#${input.id}`, onclick: (event) => (event.preventDefault(), input.focus()) }, FIELDS[name] ? `${FIELDS[name]}: ${why}` : why));
  })));
  box.focus();
}
