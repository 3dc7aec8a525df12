// What was published of a thing, or of all: who, when, what, with both sides of each field; each can be taken back.
import { desk } from "{{ asset('desk-api.js') }}";
import { button, made, said } from "{{ asset('desk-dom.js') }}";
import { DEEDS, FIELDS, KINDS, moment, shown } from "{{ asset('desk-labels.js') }}";
import { takeBackFile } from "{{ asset('desk-undo.js') }}";
import { _ } from "{{ asset('words.js') }}";

const FOLDERS = { video: "/desk/", batch: "/desk/batches/", course: "/desk/courses/", subject: "/desk/subjects/", instructor: "/desk/instructors/" };

// Fills *place* with the history at *path*. *undone*: called with what taking one back did; *failed*: with what went wrong.
export async function history(place, path, { all = false, undone, failed }) {
  const list = made("ol", { class: "history" });
  place.replaceChildren(list);
  let after = "";
  const more = button(_("Older ones"), load);
  async function load() {
    const told = await desk("GET", `${path}?limit=20${after && `&after=${encodeURIComponent(after)}`}`);
    list.append(...told.entries.map(entry));
    after = told.next ?? "";
    if (after) place.append(more);
    else more.remove();
    if (!list.children.length) list.replaceWith(made("p", { class: "empty" }, _("Nothing was published at the desk yet.")));
  }

  function entry(one) {
    const what = one.deed === "change" ? one.what.map((two) => FIELDS[two.field] ?? two.field).join(", ") : DEEDS[one.deed];
    const undo = one.can_undo && taking(_("Undo"), () => desk("POST", `edits/${one.id}/undo`, undefined, { seen: one.etag }),
      { "aria-label": _("Undo: %(what)s, %(when)s", { what, when: moment(one.at) }) });
    const whole = one.can_undo && one.imported !== null && taking(_("Undo the whole file"), () => takeBackFile(one.imported));
    return made("li", {}, made("details", {},
      made("summary", {}, all && [made("span", { class: "label" }, KINDS[one.kind]), " ", said(one.title), " · "], what, " ",
        made("span", { class: "hint" }, _("by %(who)s, %(when)s", { who: one.by.name, when: moment(one.at) }),
          one.imported !== null ? [" · ", _("from a file")] : "", one.undone_by ? [" · ", _("taken back")] : "", one.undoes ? [" · ", _("takes one back")] : "")),
      made("dl", { class: "diff" }, one.what.map((two) => [made("dt", {}, FIELDS[two.field] ?? two.field),
        made("dd", {}, made("del", { dir: "auto" }, shown(two.field, two.before)), made("ins", { dir: "auto" }, shown(two.field, two.after)))])),
      all && one.deed !== "delete" && made("p", {}, made("a", { href: `${FOLDERS[one.kind]}#${one.thing}` }, _("Open it"))), whole && made("p", {}, whole)), undo);
  }

  function taking(label, deed, given) {
    const one = button(label, async () => {
      one.disabled = true;
      await deed().then(undone, (error) => {
        one.disabled = false;
        failed(error);
      });
    }, given);
    return one;
  }

  await load().catch(failed);
}
