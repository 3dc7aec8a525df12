// Several things at once: published, scheduled, withdrawn in one transaction, or two made one. First what it touches.
import { desk } from "{{ asset('desk-api.js') }}";
import { merge } from "{{ asset('desk-actions.js') }}";
import { done } from "{{ asset('desk-result.js') }}";
import { button, made, said } from "{{ asset('desk-dom.js') }}";
import { preview, reach } from "{{ asset('desk-impact.js') }}";
import { when } from "{{ asset('desk-schedule.js') }}";
import { _, ngettext } from "{{ asset('words.js') }}";

// Shows in *place* what can be done with *things* of *kind*. *changed*: called when the list is old; *clear*: to select none.
export function bulk(place, kind, things, { changed, clear }) {
  const touched = made("div", {});
  const shown = made("div", {});
  const result = made("div", { class: "result" });
  const why = made("div", { class: "errors", role: "alert", tabindex: "-1", hidden: true });
  const isVideo = kind === "video";
  const strong = button(ngettext("Publish %(n)s", "Publish %(n)s", things.length), () => publish(null), { class: "strong" });
  place.replaceChildren(made("article", { class: "bulk" },
    made("header", { class: "thing-head" }, button(_("Back to the list"), clear, { class: "back" }), made("h2", { tabindex: "-1" }, ngettext("%(n)s selected", "%(n)s selected", things.length))), why,
    made("ul", { class: "small" }, things.map((one) => made("li", {}, said(one.title)))),
    made("div", { class: "deeds" }, strong,
      button(_("What would it touch?"), () => withEdits((edits) => reach(touched, edits.map((one) => one.id)))),
      button(_("Preview"), () => withEdits((edits) => preview(shown, edits.map((one) => one.id)))),
      isVideo && button(_("Schedule …"), async () => {
        const at = await when(_("Schedule these lectures"));
        if (at) await publish(at);
      }),
      isVideo && button(_("Withdraw"), withdraw),
      ["subject", "instructor"].includes(kind) && things.length === 2 && button(_("Merge the two …"), both),
      button(_("Select none"), clear)),
    touched, shown, result));

  // The open edits of all of them; where one has none and is not shown, an edit that shows it.
  async function edits() {
    const found = [];
    for (const one of things) {
      const told = await desk("GET", `things/${kind}/${one.id}`);
      if (told.edit) found.push(told.edit);
      else if (isVideo && told.values.status !== "published") found.push(await desk("POST", "edits", { kind, thing: one.id, changes: {} }, { seen: told.etag }));
    }
    if (!found.length) throw new Error(_("None of them has anything to publish: they are as published."));
    return found;
  }

  async function withEdits(deed) {
    why.hidden = true;
    try {
      await deed(await edits());
    } catch (error) {
      failed(error);
    }
  }

  const publish = (at) => withEdits(async (found) => {
    after(await desk("POST", "publish", { edits: found.map(({ id, etag }) => ({ id, etag })), ...(at ? { at } : {}) }));
  });

  async function withdraw() {
    try {
      const named = [];
      for (const one of things) named.push({ kind, id: one.id, etag: (await desk("GET", `things/${kind}/${one.id}`)).etag });
      after(await desk("POST", "withdraw", { things: named }));
    } catch (error) {
      failed(error);
    }
  }

  async function both() {
    const [stays, goes] = [...things].sort((a, b) => (b.videos ?? 0) - (a.videos ?? 0) || a.id - b.id);
    const told = await desk("GET", `things/${kind}/${goes.id}`);
    merge(kind, told, { done: after, failed }, stays);
  }

  function after(published) {
    changed();
    done(result, published, after);
  }

  function failed(error) {
    const title = things.find((one) => one.id === error.problem?.thing)?.title;
    why.replaceChildren(made("h2", {}, _("There is a problem")), made("p", {}, title ? `${title}: ` : "", error.message), made("p", {}, _("Nothing was done to any of them.")));
    why.hidden = false;
    why.focus();
  }
}
