// The newest releases, how each went live, and the way back to one of them, for admins.
import { desk, question } from "{{ asset('desk-api.js') }}";
import { sure } from "{{ asset('desk-actions.js') }}";
import { pill } from "{{ asset('desk-list.js') }}";
import { button, made } from "{{ asset('desk-dom.js') }}";
import { follow } from "{{ asset('desk-release.js') }}";
import { moment, number } from "{{ asset('desk-labels.js') }}";
import { _ } from "{{ asset('words.js') }}";

export async function releases(place, isAdmin) {
  const way = made("div", { class: "result" });
  const told = await desk("GET", "releases", undefined, { held: "" });
  const seen = told.tag.replace(/^W\//, "").replace(/^"|"$/g, "");
  const heads = [_("Release"), _("State"), _("When"), _("Changes"), _("Rendered"), _("Uploaded"), _("Retired"), _("Held back"), ""];
  place.replaceChildren(
    told.held_at !== null && made("div", { class: "warning" }, made("p", {}, _("The site was taken back to release %(number)s, and publishing is on hold.", { number: told.held_at })),
      isAdmin && button(_("Publish again …"), () => sure(_("Publish again?"), _("The site will show the catalog as it is now."), _("Publish again"), () => deed("unhold", undefined)), { class: "strong" })) || "",
    way,
    made("div", { class: "wide", tabindex: "0", role: "region", "aria-label": _("Releases") }, made("table", { class: "releases" },
      made("thead", {}, made("tr", {}, heads.map((head) => made("th", { scope: "col" }, head || made("span", { class: "aloud" }, _("Deeds")))))),
      made("tbody", {}, told.releases.map((one) => made("tr", {},
        made("th", { scope: "row" }, button(number(one.release), () => follow(way, `releases/${one.release}`), { "aria-label": _("The way of release %(number)s", { number: one.release }), class: "plain" })),
        made("td", {}, pill(one.state)), made("td", {}, moment(one.live_at ?? one.started_at)),
        [one.changes, one.rendered, one.uploaded, one.retired, one.held_back].map((n) => made("td", { class: "n" }, number(n))),
        made("td", {}, isAdmin && one.can_go_back && button(_("Back to it …"), () => sure(_("Back to release %(number)s?", { number: one.release }),
          _("The whole site becomes what it was then, and publishing is on hold until you say otherwise. What editors wrote since stays in the catalog."), _("Take the site back"),
          () => deed("rollback", { to: one.release })), { "aria-label": _("Back to release %(number)s …", { number: one.release }) }))))))));

  async function deed(path, body) {
    const { answer } = await question(path, body, { seen });
    await releases(place, isAdmin);
    if (answer.release) await follow(place.querySelector(".result"), `releases/${answer.release}`);
  }
}
