// What was done: its way to the edge, and how to take it back, which stays on the page.
import { button, made, tell } from "{{ asset('desk-dom.js') }}";
import { follow } from "{{ asset('desk-release.js') }}";
import { takeBack } from "{{ asset('desk-undo.js') }}";
import { _ } from "{{ asset('words.js') }}";

const OUTCOMES = {
  published: _("Published."), scheduled: _("Scheduled."), saved: _("Saved; it is not shown yet."), withdrawn: _("Withdrawn."),
  deleted: _("Deleted."), merged: _("Merged."), unchanged: _("Nothing was different, so nothing was done."),
};

// Shows in *place* what *done* (the answer to a publish, withdraw or undo) did. *again*: called with what taking it back did;
// *note*: what else is to be said.
export async function done(place, { edits, change, note = "" }, again, stop) {
  const outcomes = [...new Set(edits.map((one) => OUTCOMES[one.outcome]))].join(" ");
  const way = made("div", {});
  const undone = made("p", { class: "error", role: "alert" });
  const real = edits.filter((one) => one.outcome !== "unchanged");
  const undo = real.length > 0 && button(_("Undo"), async () => {
    undo.disabled = true;
    try {
      const back = await takeBack(real.map((one) => ({ id: one.edit, etag: one.etag })).sort((a, b) => b.id - a.id));
      tell(_("Taken back."));
      again(back);
    } catch (error) {
      undone.textContent = error.message;
      undo.disabled = false;
    }
  }, { class: "undo" });
  place.replaceChildren(...[made("div", { class: "done-head" }, made("strong", {}, outcomes), undo), note && made("p", { class: "hint" }, note), undone, way].filter(Boolean));
  tell(outcomes);
  if (change !== null) return follow(way, `ways/${change}`, stop);
  way.append(made("p", { class: "hint" }, _("No page shows it, so nothing goes live.")));
  return null;
}
