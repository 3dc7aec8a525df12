// A description with its markup, and beside it what the page will show: made by the sanitiser of the pages themselves.
import { question } from "{{ asset('desk-api.js') }}";
import { made } from "{{ asset('desk-dom.js') }}";
import { _ } from "{{ asset('words.js') }}";

const WAIT_MS = 350;
const MARKUPS = { markdown: "Markdown", plain: _("plain text"), rst: "reStructuredText", html: "HTML" };

// Two controls, `description` and `description_markup`, in one element.
export function text(id, changed) {
  let timer, stop;
  const markup = made("select", { id: `${id}_markup`, onchange: typed }, Object.entries(MARKUPS).map(([value, label]) => made("option", { value }, label)));
  const input = made("textarea", { id, rows: 8, maxlength: 262_144, oninput: typed, "aria-describedby": `${id}-note` });
  const note = made("p", { id: `${id}-note`, class: "hint" });
  const shown = made("div", { class: "text", dir: "auto" });
  const element = made("div", { class: "words" },
    made("div", {}, made("div", { class: "inline" }, made("label", { for: markup.id }, _("Written in")), markup), input, note),
    made("section", { class: "shown-as", "aria-label": _("As the page shows it") }, made("p", { class: "label" }, _("As the page shows it")), shown));

  function typed() {
    changed();
    preview(WAIT_MS);
  }

  function preview(after_ms) {
    clearTimeout(timer);
    stop?.abort();
    if (!input.value.trim()) return void shown.replaceChildren();
    timer = setTimeout(async () => {
      const mine = stop = new AbortController();
      try {
        const { answer } = await question("markdown", { text: input.value, markup: markup.value }, { stop: mine.signal });
        if (mine.signal.aborted) return;
        shown.innerHTML = answer.html; // clean: it is what the public page holds
        note.textContent = answer.note ?? "";
      } catch (error) {
        if (error.name !== "AbortError") note.textContent = error.message;
      }
    }, after_ms);
  }

  return {
    element,
    description: { input, get: () => input.value, set(value) { input.value = value ?? ""; preview(0); } },
    description_markup: { input: markup, get: () => markup.value, set(value) { markup.value = value ?? "markdown"; } },
  };
}
