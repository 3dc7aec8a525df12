// A field of several rows: recordings, resources, captions. Rows are added, taken away, and stand in the order they were added in.
import { button, made } from "{{ asset('desk-dom.js') }}";
import { _ } from "{{ asset('words.js') }}";

const SOURCES = ["youtube", "vimeo", "peertube", "archive", "file", "hls", "link"];
const CAPTION_BYTES = 4 * 1024 * 1024;

// What a row of each field holds: a label, a kind of input, and what a new row says.
const COLUMNS = {
  sources: [["kind", _("Played by"), SOURCES], ["url", _("Address"), "url"], ["start_s", _("Starts at second"), "number"]],
  resources: [["label", _("Label"), "text"], ["url", _("Address"), "url"]],
  captions: [["language", _("Language"), "text"], ["kind", _("Kind"), ["captions", "transcript"]], ["body", _("Text"), "area"]],
};
const NEW = {
  sources: { kind: "link", url: "", start_s: 0 }, resources: { label: "", url: "" }, captions: { language: "", kind: "captions", body: "" },
};
const ADD = { sources: _("Add a recording"), resources: _("Add a resource"), captions: _("Add captions") };

// A control over a list of objects.
export function rows(id, field, changed) {
  let values = [];
  const list = made("ol", { class: "rows-of" });
  const add = button(ADD[field], () => {
    values = [...values, { ...NEW[field] }];
    show();
    changed();
    list.lastElementChild.querySelector("input, select, textarea").focus();
  }, { id });
  const element = made("div", {}, list, add);

  function show() {
    list.replaceChildren(...values.map((value, n) => made("li", { class: `row ${field}` },
      COLUMNS[field].map(([name, label, kind]) => cell(n, name, label, kind, value[name])),
      button(_("Remove"), () => {
        values = values.filter((_one, m) => m !== n);
        show();
        changed();
        add.focus();
      }, { "aria-label": _("Remove %(what)s", { what: value.label || value.url || value.language || n + 1 }) }))));
  }

  function cell(n, name, label, kind, value) {
    const input = Array.isArray(kind) ? made("select", {}, kind.map((one) => made("option", { selected: one === value }, one)))
      : kind === "area" ? made("textarea", { rows: 4, spellcheck: "false" })
        : made("input", { type: kind === "number" ? "number" : "text", min: kind === "number" ? 0 : null, inputmode: kind === "url" ? "url" : null, maxlength: 2048 });
    input.value = value ?? "";
    input.id = `${id}-${n}-${name}`;
    input.addEventListener("input", () => {
      values = values.map((one, m) => (m === n ? { ...one, [name]: kind === "number" ? Number(input.value) || 0 : input.value } : one));
      changed();
    });
    const file = kind === "area" && made("input", { type: "file", accept: ".vtt,.txt,text/vtt,text/plain", "aria-label": _("Text from a file"), onchange: async () => {
      const [chosen] = file.files;
      if (!chosen || chosen.size > CAPTION_BYTES) return;
      input.value = await chosen.text();
      input.dispatchEvent(new Event("input"));
    } });
    return made("div", { class: `cell ${name}` }, made("label", { for: input.id }, label), input, file);
  }

  return {
    element, input: add,
    get: () => values,
    set(given) {
      values = [...(given ?? [])];
      show();
    },
  };
}
