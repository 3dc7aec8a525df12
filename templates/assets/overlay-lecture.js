// On a lecture's page: where the student stopped, a button that keeps the lecture, notes at a time in it.
import { _ } from "{{ asset('words.js') }}";
import { ask, mine } from "{{ asset('overlay-api.js') }}";
import { clock, element } from "{{ asset('overlay-marks.js') }}";

const NOTE_LETTERS = 4000;

// The panel of *video* for who is signed in. *player* is its element, *at* gives the present position in seconds.
export function panel(video, player, overlay, at) {
  const box = element("section", "mine");
  box.setAttribute("aria-label", _("Yours"));
  const trouble = element("p", "trouble");
  trouble.setAttribute("role", "status");
  const work = async (deed) => {
    trouble.textContent = "";
    try {
      return await deed();
    } catch (error) {
      const words = error.status < 500 && error.problem?.detail ? await import("{{ asset('problems.js') }}").catch(() => null) : null;
      trouble.textContent = words?.sentence(error.problem) ?? _("That could not be saved now. Try again in a minute.");
      return null;
    }
  };
  box.append(keeper(video, overlay.bookmarks.includes(video), work), trouble, notes(video, player, overlay, at, work));
  return box;
}

function keeper(video, isKept, work) {
  const button = element("button", "quiet");
  const show = () => {
    button.setAttribute("aria-pressed", String(isKept));
    button.textContent = isKept ? _("Kept") : _("Keep this lecture");
  };
  button.type = "button";
  button.addEventListener("click", async () => {
    isKept = !isKept;
    show(); // at once; taken back where it could not be saved
    if (!(await work(() => ask(`/me/bookmarks/${video}`, { method: isKept ? "PUT" : "DELETE" }).catch((error) => {
      if (error.status === 404 && !isKept) return {}; // another page has let it go
      throw error;
    })))) isKept = !isKept;
    show();
  });
  show();
  return button;
}

function notes(video, player, overlay, at, work) {
  const box = element("details", "notes");
  const count = overlay.notes.find((of) => of.video === video)?.count ?? 0;
  const summary = element("summary", "", count ? _("Your notes (%(n)s)", { n: count }) : _("Your notes"));
  const list = element("ol", "");
  const form = noteForm(at, async (at_s, body) => {
    const written = await work(() => ask("/me/notes", { method: "POST", body: { video, at_s, body }, retry: false }));
    if (written) place(list, row(written.note, player, work));
    return Boolean(written);
  });
  box.append(summary, form, list);
  box.addEventListener("toggle", async () => {
    for (let after = ""; after !== null;) {
      const page = await work(() => mine(`notes?video=${video}&limit=100${after && `&after=${encodeURIComponent(after)}`}`));
      for (const note of page?.notes ?? []) place(list, row(note, player, work));
      after = page?.next ?? null;
    }
  }, { once: true });
  return box;
}

function noteForm(at, save) {
  const form = element("form", "");
  const label = element("label", "", _("A new note"));
  const text = element("textarea", "");
  const button = element("button", "quiet", _("Save the note"));
  let at_s = 0;
  text.id = label.htmlFor = "note";
  text.rows = 3;
  text.maxLength = NOTE_LETTERS;
  text.addEventListener("focus", () => {
    if (text.value) return;
    at_s = at();
    label.textContent = _("A new note at %(at)s", { at: clock(at_s) });
  });
  form.append(label, text, button);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const body = text.value.trim();
    if (!body || button.disabled) return text.focus();
    button.disabled = true; // a second click would make a second note
    if (await save(at_s, body)) text.value = "";
    button.disabled = false;
  });
  return form;
}

function row(note, player, work) {
  const item = element("li", "");
  const jump = element("button", "at", clock(note.at_s));
  const erase = element("button", "quiet", _("Delete"));
  item.dataset.at = note.at_s;
  item.dataset.note = note.id;
  jump.type = erase.type = "button";
  jump.setAttribute("aria-label", _("Play from %(at)s", { at: clock(note.at_s) }));
  jump.addEventListener("click", () => player?.dispatchEvent(new CustomEvent("lectern:resume", { detail: { position_s: note.at_s } })));
  erase.setAttribute("aria-label", _("Delete the note at %(at)s", { at: clock(note.at_s) }));
  erase.addEventListener("click", async () => {
    if (await work(() => ask(`/me/notes/${note.id}`, { method: "DELETE" }))) item.remove();
  });
  const words = element("p", "", note.body);
  words.dir = "auto";
  item.append(jump, words, erase);
  return item;
}

// In the lecture's order, each note once.
function place(list, item) {
  const others = [...list.children].filter((other) => other.dataset.note !== item.dataset.note || other.remove());
  list.insertBefore(item, others.find((other) => Number(other.dataset.at) > Number(item.dataset.at)) ?? null);
}
