// What is done seldom to a thing, and with thought: merged, deleted, taken down.
import { answered, desk } from "{{ asset('desk-api.js') }}";
import { button, dialog, made, said } from "{{ asset('desk-dom.js') }}";
import { pick } from "{{ asset('desk-picker.js') }}";
import { reach } from "{{ asset('desk-impact.js') }}";
import { _, ngettext } from "{{ asset('words.js') }}";

// A menu of them. *told*: the thing; `done(published, stays)`, `gone(published)`, `failed(error)`: what comes of it.
export function more(kind, told, after) {
  return made("details", { class: "more" }, made("summary", {}, _("More")), made("div", { class: "deeds" },
    ["subject", "instructor"].includes(kind) && button(_("Merge into another …"), () => merge(kind, told, after)),
    button(_("Delete …"), () => remove(kind, told, after)),
    button(_("Take down for good …"), () => takeDown(kind, told, after), { class: "danger" })));
}

// *told* goes into one that is chosen. *into*: which one is proposed.
export function merge(kind, told, after, into = null) {
  const names = { ...told.names, ...(into ? { [`${kind}:${into.id}`]: into.title } : {}) };
  const touched = made("div", {});
  let edit = null;
  const other = pick("merge-into", kind, { names, changed: count, without: told.id });
  const why = made("p", { class: "error", role: "alert" });
  const go = button(_("Merge"), async () => {
    try {
      if (!other.get()) throw new Error(_("Choose the one that stays."));
      await begun();
      const published = await desk("POST", `edits/${edit.id}/publish`, {}, { seen: edit.etag });
      edit = null;
      box.close();
      after.done(published, other.get());
    } catch (error) {
      why.textContent = error.message;
    }
  }, { class: "strong" });
  const box = dialog(_("Merge two into one"), made("div", { class: "merge" },
    made("p", {}, said(told.values.title), " ", _("goes; its lectures, its old addresses and the next import of the same files go to the one that stays.")), why,
    made("div", { class: "field" }, made("label", { for: "merge-into" }, _("The one that stays")), other.element), touched,
    made("div", { class: "deeds" }, go, button(_("Cancel"), () => box.close()))));
  box.addEventListener("close", () => edit && desk("DELETE", `edits/${edit.id}`, undefined, { seen: edit.etag }).catch(() => {}));
  other.set(into?.id ?? null);
  if (into) count();
  else other.input.focus();

  async function begun() {
    const changes = { into: other.get() };
    edit = edit ? await desk("PUT", `edits/${edit.id}`, { changes }, { seen: edit.etag })
      : await desk("POST", "edits", { kind, thing: told.id, deed: "merge", changes }, { seen: told.etag });
  }

  async function count() {
    why.textContent = "";
    try {
      await begun();
      await reach(touched, [edit.id]);
    } catch (error) {
      why.textContent = error.message;
    }
  }
}

function remove(kind, told, after) {
  sure(_("Delete it?"), _("Its page leaves and its address says so. It can be undone here. What others hang on is not deleted."), _("Delete"), async () => {
    const edit = await desk("POST", "edits", { kind, thing: told.id, deed: "delete" }, { seen: told.etag });
    try {
      after.gone(await desk("POST", `edits/${edit.id}/publish`, {}, { seen: edit.etag }));
    } catch (error) {
      await desk("DELETE", `edits/${edit.id}`, undefined, { seen: edit.etag }).catch(() => {});
      throw error;
    }
  });
}

function takeDown(kind, told, after) {
  sure(_("Take it down, for good?"), _("All of it leaves at once, everywhere, kept copies too. This cannot be undone, and no rollback goes behind it."), _("Take down"), async (say) => {
    const asked = await desk("POST", `things/${kind}/${told.id}/withdraw`, { takedown: true }, { seen: told.etag });
    say(_("Taking it down …"));
    const { answer } = await answered(await desk("GET", `questions/${asked.questions[0]}`));
    say(answer.holds ? ngettext("It is gone: %(n)s address answers so.", "It is gone: %(n)s addresses answer so.", answer.paths)
      : _("It was taken down, but that it is gone everywhere is not proven: tell who runs the site, now."));
    after.gone();
  }, true);
}

// Asks once more before *deed*. *stays*: what came of it is read in the dialog.
export function sure(title, text, label, deed, stays = false) {
  const why = made("p", { class: "error", role: "alert" });
  const said_ = made("p", { role: "status" });
  const go = button(label, async () => {
    go.disabled = true;
    try {
      await deed((words) => (said_.textContent = words));
      if (!stays) box.close();
      else go.hidden = true;
    } catch (error) {
      why.textContent = error.message;
      go.disabled = false;
    }
  }, { class: "danger" });
  const box = dialog(title, made("div", {}, made("p", {}, text), said_, why, made("div", { class: "deeds" }, go, button(_("Close"), () => box.close()))));
}
