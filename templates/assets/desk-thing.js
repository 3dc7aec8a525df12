// One thing: its form and draft, what publishing it would touch, the deeds, its way to the edge, its history.
import { desk } from "{{ asset('desk-api.js') }}";
import { choose } from "{{ asset('desk-conflict.js') }}";
import { more } from "{{ asset('desk-actions.js') }}";
import { done } from "{{ asset('desk-result.js') }}";
import { Draft } from "{{ asset('desk-draft.js') }}";
import { form } from "{{ asset('desk-form.js') }}";
import { history } from "{{ asset('desk-history.js') }}";
import { pill } from "{{ asset('desk-list.js') }}";
import { button, link, made, said } from "{{ asset('desk-dom.js') }}";
import { preview, reach } from "{{ asset('desk-impact.js') }}";
import { when } from "{{ asset('desk-schedule.js') }}";
import { KINDS, moment } from "{{ asset('desk-labels.js') }}";
import { _ } from "{{ asset('words.js') }}";

const REACH_MS = 700;
let open = null; // what stands there now

// Shows the thing *id* of *kind* in *place*: a number, "new", or "e12" for an edit of a new one. *changed*: called when lists are old.
export async function thing(place, kind, id, changed, after = null) {
  leave();
  const mine = open = { stop: new AbortController() };
  if (!after) place.replaceChildren(made("p", { class: "empty" }, _("Opening …")));
  try {
    const told = await read(kind, id);
    if (mine === open) show(place, kind, told, changed, mine, after);
  } catch (error) {
    if (mine === open) place.replaceChildren(made("p", { class: "warning" }, error.message), button(_("Try again"), () => thing(place, kind, id, changed)));
  }
}

export function leave() {
  open?.draft?.flush();
  open?.draft?.close();
  open?.stop.abort();
  open = null;
}

export const saveNow = () => open?.draft?.save().catch(() => {});
export const publishNow = () => open?.publish?.();
export const previewNow = () => open?.preview?.();

async function read(kind, id) {
  if (typeof id === "number") return desk("GET", `things/${kind}/${id}`);
  const edit = id === "new" ? null : await desk("GET", `edits/${id.slice(1)}`);
  if (edit?.thing) return desk("GET", `things/${kind}/${edit.thing}`);
  const names = {};
  for (const [field, of] of [["batch", "batch"], ["course", "course"], ["subjects", "subject"], ["instructors", "instructor"]]) {
    const ids = [edit?.changes[field] ?? []].flat();
    if (!ids.length) continue;
    for (const one of (await desk("GET", `things/${of}?ids=${ids.join(",")}&limit=100`)).things) names[`${of}:${one.id}`] = one.title;
  }
  return { kind, id: null, etag: "", values: {}, names, path: null, edit, others: [] };
}

function show(place, kind, told, changed, mine, after) {
  const { values, names } = told;
  const other = told.edit && !["change", "create"].includes(told.edit.deed) ? told.edit : null; // a merge or a deletion that waits
  let base = told.edit && !other && told.edit.deed === "change" ? told.edit.base : values;
  let etag = told.etag;
  let timer;
  const isVideo = kind === "video";
  const status = isVideo ? (values.status ?? "draft") : told.id === null ? "draft" : "published";
  const state = made("p", { class: "state", role: "status" });
  const others = made("div", {});
  const touched = made("div", { class: "touched" });
  const shown = made("div", { class: "previewed" });
  const result = made("div", { class: "result" });
  const past = made("div", {});
  const fields = form(kind, told.id, names, () => draft.typed());
  const draft = mine.draft = new Draft({ kind, thing: told.id, etag, edit: other ? null : told.edit, changes: () => fields.changes(base), told: said_ });
  const strong = button(status === "scheduled" ? _("Publish now") : _("Publish"), () => publish({}), { class: "strong", "data-publish": true });
  const keep = isVideo && status !== "published" && told.id !== null && button(status === "scheduled" ? _("Save, keep its time") : _("Save, do not show yet"), () => publish({ keep_status: true }));
  const keepNew = isVideo && told.id === null && button(_("Save as a draft lecture"), () => publish({ keep_status: true }));
  const schedule = isVideo && status !== "published" && button(_("Schedule …"), later);
  const look = button(_("Preview"), see);
  const withdraw = isVideo && (status === "published" || status === "scheduled") && button(_("Withdraw"), away);
  const discard = button(_("Discard the draft"), throwAway);
  mine.publish = () => !strong.hidden && publish({});
  mine.preview = see;

  fields.set({ ...base, ...(other ? {} : told.edit?.changes) });
  place.replaceChildren(made("article", { "aria-labelledby": "thing-title" },
    made("header", { class: "thing-head" },
      button(_("Back to the list"), () => { location.hash = ""; }, { class: "back" }),
      made("p", { class: "label" }, KINDS[kind], " ", told.id !== null ? `#${told.id}` : _("new, not published"), " ", told.id !== null && isVideo && pill(status),
        status === "scheduled" && values.publish_at && [" ", moment(values.publish_at)]),
      made("h2", { id: "thing-title", tabindex: "-1" }, said(values.title ?? told.edit?.changes.title ?? _("Without a title"))),
      made("p", { class: "links" }, told.path && link(told.path, _("Its page")), kind === "batch" && told.id !== null && link(`/desk/?batch=${told.id}`, _("Its lectures"))),
      told.unavailable_since && made("p", { class: "warning" }, _("Its provider says since %(when)s that the recording is gone.", { when: moment(told.unavailable_since) })), others),
    made("div", { class: "two" }, fields.element,
      made("aside", { class: "publish", "aria-label": _("Publish") }, state, touched,
        made("div", { class: "deeds" }, strong, look, schedule, keep, keepNew, discard, withdraw,
          told.id !== null && more(kind, told, { failed, done(published, stays) { window.history.replaceState(null, "", `#${stays}`); thing(place, kind, stays, changed, published).then(changed); }, gone })),
        shown, result)),
    told.id !== null && made("section", { class: "past" }, made("h2", {}, _("History")), past)));
  if (told.others.length) others.append(made("p", { class: "warning" }, _("Also being edited by %(who)s.", { who: told.others.map((one) => one.author.name).join(", ") })));
  if (other) others.append(made("p", { class: "warning" }, _("An edit of yours that merges or deletes this waits unpublished."), " ", button(_("Discard it"), async () => {
    await desk("DELETE", `edits/${other.id}`, undefined, { seen: other.etag }).catch(failed);
    again();
  })));
  if (told.id !== null) history(past, `things/${kind}/${told.id}/history`, { undone: (published) => again(published), failed });
  said_("saved", draft.edit);
  if (draft.edit && told.id !== null && draft.edit.stale) conflict({ now: etag, yours: draft.edit.changes, theirs: differing(values, base), base });
  if (after) done(result, after, (published) => again(published), mine.stop.signal).then(() => changed());
  else if (told.id === null && !told.edit) fields.focus();
  else place.querySelector("#thing-title").focus({ preventScroll: true });

  // After each stir of the draft: what its state is, which deeds there are, what it would touch.
  function said_(now, edit, error) {
    const words = { typing: _("Not saved yet …"), saving: _("Saving …"), failed: error?.message, conflict: _("Somebody else changed this meanwhile.") };
    const has = Boolean(edit && Object.keys(edit.changes).length);
    const same = now === "typing" && state.classList.contains("typing"); // said once, not at each key
    state.className = `state ${now}`;
    if (!same) state.replaceChildren(words[now] ?? (edit ? _("Draft saved, %(when)s.", { when: moment(edit.saved_at) }) : told.id === null ? _("What you type is saved as a draft.") : _("As published; nothing to do.")));
    if (now === "failed" && !error?.problem.errors) state.append(" ", button(_("Save again"), () => draft.save().catch(() => {})));
    if (now === "conflict") {
      state.append(" ", button(_("Look at both versions"), () => conflict(error.problem)));
      conflict(error.problem);
    }
    if (now === "failed" && error?.problem.errors) fields.show(error.problem.errors);
    strong.hidden = !(has || now === "typing" || now === "saving") && (told.id === null || status === "published" || !isVideo);
    look.hidden = discard.hidden = !edit && now !== "typing";
    if (keepNew) keepNew.hidden = strong.hidden;
    clearTimeout(timer);
    if (now === "saved" && has) timer = setTimeout(() => reach(touched, [edit.id], (reach.stop?.abort(), reach.stop = new AbortController()).signal), REACH_MS);
    if (now === "saved" && !has) touched.replaceChildren();
    if (now === "saved" && edit && told.id === null && location.hash !== `#e${edit.id}`) {
      window.history.replaceState(null, "", `#e${edit.id}`);
      changed();
    }
  }

  // The edit with all that was typed; begun where there is none, for what is published without a change.
  async function edited() {
    return (await draft.save()) ?? (draft.edit = await desk("POST", "edits", { kind, thing: told.id, changes: {} }, { seen: etag }));
  }

  async function publish(how) {
    const wrong = fields.wrong();
    fields.show(wrong);
    if (wrong.length) return;
    strong.disabled = true;
    try {
      const edit = await edited();
      const published = await desk("POST", `edits/${edit.id}/publish`, how, { seen: edit.etag });
      draft.close();
      const now = published.edits[0].thing;
      if (told.id === null) window.history.replaceState(null, "", `#${now}`);
      await thing(place, kind, now, changed, published);
      changed();
    } catch (error) {
      failed(error);
    } finally {
      strong.disabled = false;
    }
  }

  async function later() {
    const at = await when(_("Schedule this lecture"));
    if (at) await publish({ at });
  }

  async function see() {
    const edit = await draft.save().catch(failed);
    if (edit) await preview(shown, [edit.id]);
  }

  async function away() {
    try {
      await draft.save();
      again(await desk("POST", `things/${kind}/${told.id}/withdraw`, {}, { seen: etag }));
    } catch (error) {
      failed(error);
    }
  }

  async function throwAway() {
    await draft.discard().then(() => {
      if (told.id === null) location.hash = "";
      else again();
      changed();
    }, failed);
  }

  function again(published = null) {
    return thing(place, kind, told.id, changed, published).then(changed);
  }

  function failed(error) {
    if (error.status === 412) return conflict(error.problem);
    const found = error.problem?.errors?.map(({ field, why }) => ({ field, why }));
    fields.show(found?.length ? found : [{ field: "", why: error.message }]);
    return null;
  }

  // It is no more; what took it away can be taken back here, unless it was for good.
  function gone(published) {
    leave();
    window.history.replaceState(null, "", location.pathname + location.search);
    const last = made("div", { class: "result" });
    place.replaceChildren(last);
    changed();
    if (published) done(last, published, (back) => {
      window.history.replaceState(null, "", `#${back.edits[0].thing}`);
      thing(place, kind, back.edits[0].thing, changed, back).then(changed);
    });
  }

  // Both versions are looked at; then the draft goes on from the present one.
  async function conflict(problem) {
    if (mine.choosing || mine !== open) return;
    mine.choosing = true;
    try {
      const chosen = await choose(problem, names);
      if (!chosen) return said_only();
      if (problem.now.startsWith("e")) {
        draft.edit = await desk("GET", `edits/${problem.edit}`);
        base = draft.edit.base;
        fields.set({ ...base, ...draft.edit.changes, ...chosen });
        await draft.save();
      } else {
        const present = await desk("GET", `things/${kind}/${told.id}`);
        base = present.values;
        etag = draft.etag = present.etag;
        Object.assign(names, present.names);
        fields.set({ ...base, ...chosen });
        draft.edit ??= present.edit;
        await draft.save(draft.edit ? etag : "");
      }
    } catch (error) {
      if (error.status !== 412) failed(error);
    } finally {
      mine.choosing = false;
    }
  }

  function said_only() {
    state.replaceChildren(_("Somebody else changed this meanwhile."), " ", button(_("Look at both versions"), () => desk("GET", `things/${kind}/${told.id}`).then((now) => conflict({
      now: now.etag, yours: fields.changes(base), theirs: differing(now.values, base), base }))));
  }
}

const differing = (now, base) => Object.fromEntries(Object.entries(now).filter(([name, value]) => JSON.stringify(value) !== JSON.stringify(base[name])));
