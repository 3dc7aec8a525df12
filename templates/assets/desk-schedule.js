// Asks for a moment to come, in this browser's zone, which it names; beside it the same in UTC.
import { button, dialog, made } from "{{ asset('desk-dom.js') }}";
import { zone } from "{{ asset('desk-labels.js') }}";
import { _ } from "{{ asset('words.js') }}";

const HOUR_MS = 3_600_000;

// Resolves to ISO 8601 in UTC, or null where nothing was chosen.
export function when(title) {
  const place = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const local = (date) => new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
  const input = made("input", { id: "when", type: "datetime-local", min: local(new Date()), "aria-describedby": "when-zone", oninput: said });
  const note = made("p", { class: "hint", id: "when-zone" });
  const why = made("p", { class: "error", role: "alert" });
  input.value = local(new Date(Math.ceil((Date.now() + HOUR_MS) / HOUR_MS) * HOUR_MS));
  function said() {
    const date = new Date(input.value);
    note.textContent = Number.isNaN(date.getTime()) ? "" : _("Your zone: %(place)s (%(zone)s). That is %(utc)s UTC.", { place, zone: zone(date), utc: date.toISOString().slice(0, 16).replace("T", " ") });
  }
  said();
  return new Promise((done) => {
    let chosen = null;
    const form = made("form", { novalidate: true, onsubmit: (event) => {
      event.preventDefault();
      const date = new Date(input.value);
      if (Number.isNaN(date.getTime()) || date.getTime() <= Date.now()) {
        why.textContent = _("Choose a day and a time that are still to come.");
        return input.focus();
      }
      chosen = date.toISOString();
      box.close();
    } }, why, made("div", { class: "field" }, made("label", { for: "when" }, _("Publish at")), input, note),
    made("div", { class: "deeds" }, made("button", { class: "strong" }, _("Schedule")), button(_("Cancel"), () => box.close())));
    const box = dialog(title, form);
    box.addEventListener("close", () => done(chosen));
    input.focus();
  });
}
