// How far edits would reach, and what is doubtful about them, before anything is published.
import { question } from "{{ asset('desk-api.js') }}";
import { made } from "{{ asset('desk-dom.js') }}";
import { FIELDS, KINDS, number, pages, seconds } from "{{ asset('desk-labels.js') }}";
import { _, ngettext } from "{{ asset('words.js') }}";

// Shows in *place* what publishing *edits* touches. *stop*: an AbortSignal.
export async function reach(place, edits, stop) {
  place.replaceChildren(made("p", { class: "hint" }, _("Counting what it touches …")));
  try {
    const { answer } = await question("impacts", { edits }, { stop });
    if (stop?.aborted) return;
    const purges = Object.entries(answer.purges);
    place.replaceChildren(...[
      made("p", { class: "reach" }, made("strong", {}, pages(answer.objects)), " · ", ngettext("%(n)s purge", "%(n)s purges", purges.reduce((sum, [, cost]) => sum + cost.names, 0)),
        " · ", _("about %(time)s", { time: seconds(answer.seconds) })),
      purges.some(([, cost]) => cost.usd > 0) && made("p", { class: "hint" }, purges.map(([cdn, cost]) => `${cdn}: ${number(cost.names)}, ${cost.usd} USD`).join("; ")),
      Object.keys(answer.pages).length > 0 && made("details", { class: "hint" }, made("summary", {}, _("Which pages")), Object.entries(answer.pages).map(([kind, n]) => `${KINDS[kind] ?? kind}: ${number(n)}`).join(", ")),
      answer.warnings.length > 0 && made("ul", { class: "warnings" }, answer.warnings.map((one) => made("li", { class: "warning" },
        made("a", { href: `#f-${one.field}`, onclick: (event) => (event.preventDefault(), document.getElementById(`f-${one.field}`)?.focus()) }, FIELDS[one.field] ?? one.field), `: ${one.text}`))),
    ].filter(Boolean));
  } catch (error) {
    if (error.name !== "AbortError") place.replaceChildren(made("p", { class: "warning" }, error.message));
  }
}

// Has *edits* rendered as pages at an address of their own, and shows in *place* the way there.
export async function preview(place, edits) {
  place.replaceChildren(made("p", { class: "hint", role: "status" }, _("Rendering the preview …")));
  try {
    const { answer } = await question("previews", { edits });
    const rest = answer.pages.filter((page) => page.at !== answer.first);
    const out = { target: "_blank", rel: "noopener" };
    place.replaceChildren(...[
      answer.first ? made("p", {}, made("a", { href: answer.first, class: "go", ...out }, _("Open the preview")), " ", made("span", { class: "hint" }, _("It holds an hour; only who has its address sees it.")))
        : made("p", { class: "hint" }, _("No page of its own would change.")),
      rest.length > 0 && made("details", {}, made("summary", {}, ngettext("%(n)s other page that would change", "%(n)s other pages that would change", rest.length + answer.more)),
        made("ul", { class: "small" }, rest.map((page) => made("li", {}, made("a", { href: page.at, ...out }, page.path))))),
      answer.leaves.length > 0 && made("p", { class: "warning" }, _("These would leave: %(paths)s", { paths: answer.leaves.join(", ") })),
      answer.aside.length > 0 && made("div", { class: "warning" }, _("These could not be rendered:"), made("ul", {}, answer.aside.map((one) => made("li", {}, `${one.path}: ${one.why}`)))),
    ].filter(Boolean));
    place.querySelector("a")?.focus();
  } catch (error) {
    place.replaceChildren(made("p", { class: "warning", role: "alert" }, error.message));
  }
}
