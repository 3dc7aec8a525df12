// How the site stands, for editors: what waits or is owed, what is dead or set aside, how far refresh is, what is watched.
import { desk } from "{{ asset('desk-api.js') }}";
import { made, said } from "{{ asset('desk-dom.js') }}";
import { failed } from "{{ asset('desk-release.js') }}";
import { moment, number, seconds } from "{{ asset('desk-labels.js') }}";
import { _, ngettext } from "{{ asset('words.js') }}";

const DEBTS = { ping: _("pings"), purge: _("purges"), receipt: _("receipts"), retirement: _("retirements") };

export async function health(place) {
  const now = await desk("GET", "health");
  const owed = Object.entries(now.debts).filter(([, n]) => n).map(([kind, n]) => `${number(n)} ${DEBTS[kind] ?? kind}`).join(", ");
  const fact = (name, value, bad = false) => made("div", { class: bad ? "fact bad" : "fact" }, made("dt", {}, name), made("dd", {}, value));
  place.replaceChildren(
    made("dl", { class: "facts-of" },
      fact(_("Worker"), now.worker ? _("runs") : _("does not run: nothing goes live"), !now.worker),
      fact(_("Publishing"), now.held_at === null ? _("goes on") : _("on hold at release %(number)s", { number: now.held_at }), now.held_at !== null),
      fact(_("Waiting to go live"), now.waiting ? `${number(now.waiting)} · ${seconds(now.lag_s)}` : _("nothing"), now.lag_s > 60),
      fact(_("Owed"), owed || _("nothing")),
      fact(_("Last refresh"), now.refreshed_at ? moment(now.refreshed_at) : _("never")),
      fact(_("Behind with refresh"), _("%(behind)s of %(known)s recordings", { behind: number(now.refresh_behind), known: number(now.refresh_known) }))),
    part(_("Pages that could not be rendered"), now.aside_in_all, now.aside.length ? failed(now.aside) : made("p", { class: "empty" }, _("None."))),
    part(_("Recordings that are gone"), now.dead_in_all, now.dead.length ? made("ul", { class: "plain-list" }, now.dead.map((one) => made("li", {},
      made("a", { href: `/desk/#${one.id}` }, said(one.title)), " ", made("span", { class: "hint" }, _("since %(when)s", { when: moment(one.since) }))))) : made("p", { class: "empty" }, _("None."))),
    part(_("Most watched this week"), null, now.watched.length ? made("ol", { class: "plain-list" }, now.watched.slice(0, 20).map((one) => made("li", {},
      made("a", { href: `/desk/#${one.id}` }, said(one.title)), " ", made("span", { class: "hint" }, ngettext("%(n)s student", "%(n)s students", one.students), ", ",
        _("%(n)s to the end", { n: number(one.completed) }))))) : made("p", { class: "empty" }, _("Nobody watched this week.")),
    now.watched_estimated && made("p", { class: "hint" }, _("Estimated from a part of all students."))));
}

function part(title, n, ...content) {
  return made("section", { class: "part" }, made("h2", {}, title, n ? ` (${number(n)})` : ""), content);
}
