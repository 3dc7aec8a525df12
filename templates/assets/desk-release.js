// How a change goes live, step by step, until the edge shows it. The row is asked twice a second while it is on its way.
import { desk } from "{{ asset('desk-api.js') }}";
import { made, tell } from "{{ asset('desk-dom.js') }}";
import { STEPS, pages, seconds } from "{{ asset('desk-labels.js') }}";
import { _ } from "{{ asset('words.js') }}";

const EVERY_MS = 500;
const PATIENT_S = 20; // after so long without a worker's answer it is said why

const MARKS = { waiting: "○", doing: "◐", done: "●", failed: "✕", none: "–" };
const SAID = { waiting: _("waiting"), doing: _("under way"), done: _("done"), failed: _("failed"), none: _("not needed") };

// Shows the way of `ways/CHANGE` or `releases/NUMBER` in *place*; resolves to its last state. *stop*: an AbortSignal.
export async function follow(place, path, stop) {
  const list = made("ol", { class: "way" });
  const head = made("p", { class: "way-head", role: "status" }, _("On its way …"));
  const more = made("div", {});
  place.replaceChildren(head, list, more);
  const begun = Date.now();
  let held = "";
  let way = null;
  while (!stop?.aborted) {
    try {
      const told = await desk("GET", path, undefined, { held });
      if (told) {
        way = told;
        held = told.tag;
        show(way);
      }
    } catch (error) {
      if (error.status === 404) {
        head.textContent = _("It is live: this change is no longer kept.");
        return way;
      }
      more.replaceChildren(made("p", { class: "hint" }, error.message));
    }
    if (way?.over) return way;
    if (!way?.release && Date.now() - begun > PATIENT_S * 1000) {
      more.replaceChildren(made("p", { class: "warning" }, _("No worker has taken it yet. It is safe, and goes live as soon as one runs: tell who runs the site, and look at Health.")));
    }
    await new Promise((done) => setTimeout(done, EVERY_MS));
  }
  return way;

  function show(now) {
    list.replaceChildren(...now.steps.map((step) => made("li", { class: step.state },
      made("span", { class: "mark", "aria-hidden": "true" }, MARKS[step.state]), made("span", {}, STEPS[step.name]),
      made("span", { class: "when" }, step.ms === null ? SAID[step.state] : seconds(step.ms / 1000)))));
    const seen = now.steps.find((step) => step.name === "seen");
    const last = Math.max(...now.steps.filter((step) => step.state === "done").map((step) => step.ms ?? 0));
    head.textContent = !now.over ? _("On its way …")
      : now.failed.length ? _("It is live, but not all pages could be rendered.")
        : seen.state === "done" ? _("Seen at the edge in %(time)s.", { time: seconds((seen.ms ?? last) / 1000) })
          : seen.state === "failed" ? _("It is stored, but the edge did not show it in time.")
            : now.steps.some((step) => step.state === "failed") ? _("It stopped on its way; the next release goes on from here.")
              : !now.rendered && !now.uploaded && !now.retired ? _("Done. No page changed.") : _("Live after %(time)s.", { time: seconds(last / 1000) });
    head.className = `way-head ${now.over ? (now.failed.length || now.steps.some((step) => step.state === "failed") ? "bad" : "good") : ""}`;
    if (now.over) tell(head.textContent);
    more.replaceChildren(...[
      now.release && made("p", { class: "hint" }, _("Release %(number)s", { number: now.release }), " · ", pages(now.rendered), " · ",
        _("%(uploaded)s uploaded, %(retired)s retired, %(purged)s purged", now)),
      now.failed.length > 0 && made("div", { class: "warning" }, made("h3", {}, _("Pages that could not be rendered")), failed(now.failed)),
      now.seen.length > 0 && made("details", {}, made("summary", {}, _("What the edge showed")), made("ul", { class: "small" }, now.seen.map((one) => made("li", {},
        `${one.url} (${one.encoding}): `, one.lag_ms === null ? _("not seen") : seconds(one.lag_ms / 1000), one.served_by ? `, ${one.served_by}` : "")))),
    ].filter(Boolean));
  }
}

// Pages that were set aside: which, why, and what to do.
export function failed(rows) {
  return made("ul", { class: "failed" }, rows.map((one) => made("li", {}, made("strong", {}, one.path || one.kind), made("p", {}, one.why), made("p", { class: "hint" }, one.mend))));
}
