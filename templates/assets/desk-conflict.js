// Somebody was faster: both versions side by side, and which of them each field takes. Nothing is written before the choice.
import { button, dialog, made } from "{{ asset('desk-dom.js') }}";
import { FIELDS, shown } from "{{ asset('desk-labels.js') }}";
import { _ } from "{{ asset('words.js') }}";

// Resolves to the changes to go on with, or null where the editor leaves it. *problem*: {yours, theirs, base}.
export function choose({ yours, theirs, base }, names) {
  const fields = Object.keys({ ...yours, ...theirs }).filter((name) => name in yours || name in theirs);
  const heads = [_("Field"), _("Before"), _("Theirs, as it stands now"), _("Yours")];
  return new Promise((done) => {
    let result = null;
    const mine = (name) => name in yours && JSON.stringify(yours[name]) !== JSON.stringify(theirs[name]);
    const choices = {};
    const row = (name) => {
      const side = (which, value, checked) => {
        const input = made("input", { type: "radio", name: `c-${name}`, value: which, checked });
        choices[`${name}.${which}`] = input;
        return made("td", { "data-head": heads[which === "theirs" ? 2 : 3] }, made("label", {}, input, made("span", { class: "value", dir: "auto" }, shown(name, value, names))));
      };
      return made("tr", {}, made("th", { scope: "row" }, FIELDS[name] ?? name),
        made("td", { class: "base", "data-head": heads[1] }, made("span", { class: "value", dir: "auto" }, shown(name, base[name], names))),
        mine(name) ? [side("theirs", theirs[name] ?? base[name], false), side("yours", yours[name], true)]
          : [made("td", { "data-head": heads[2] }, made("span", { class: "value", dir: "auto" }, shown(name, theirs[name], names))), made("td", {}, "–")]);
    };
    const box = dialog(_("Somebody else changed this"), made("div", { class: "conflict" },
      made("p", {}, _("Nothing of theirs was overwritten, and nothing of yours is lost. Choose for each field which version goes on.")),
      made("div", { class: "wide", tabindex: "0", role: "region", "aria-label": _("Both versions") }, made("table", {},
        made("thead", {}, made("tr", {}, heads.map((title) => made("th", { scope: "col" }, title)))),
        made("tbody", {}, fields.map(row)))),
      made("div", { class: "deeds" },
        button(_("Go on with these"), () => {
          const taken = fields.filter((name) => choices[`${name}.yours`]?.checked);
          result = Object.fromEntries(taken.map((name) => [name, yours[name]]));
          box.close();
        }, { class: "strong" }),
        button(_("Decide later"), () => box.close()))), { class: "large" });
    box.addEventListener("close", () => done(result));
  });
}
