// What a student keeps, and what was watched: a page of it at a time, the last first. Titles come from the site's own static JSON.
import { _ } from "{{ asset('words.js') }}";
import { clear } from "{{ asset('account-form.js') }}";
import { Failed, ask, mine } from "{{ asset('overlay-api.js') }}";
import { bar, clock, element } from "{{ asset('overlay-marks.js') }}";
import { drop } from "{{ asset('overlay-places.js') }}";

const PAGE = 20;

// How a list is read, what is shown of an entry, and how an entry leaves.
const LISTS = {
  kept: {
    read: async (after) => {
      const { bookmarks, next } = await mine(`bookmarks?limit=${PAGE}${after}`);
      return { entries: bookmarks.map(({ id, at_ms }) => ({ id, at_ms })), next };
    },
    facts: ({ at_ms }) => [element("span", "", _("kept on %(day)s", { day: day(at_ms) }))],
    word: _("Keep no more"),
    label: (title) => _("Keep no more: %(title)s", { title }),
    leave: (id) => ask(`/me/bookmarks/${id}`, { method: "DELETE" }),
  },
  history: {
    read: async (after) => {
      const { places, next } = await mine(`history?limit=${PAGE}${after}`);
      return { entries: places.map(({ video, ...place }) => ({ id: video, ...place })), next };
    },
    facts: ({ at_ms, position_s, completed }, length_s) => [
      element("span", "", completed ? _("Watched") : reached(position_s, length_s)), element("span", "", day(at_ms)),
    ],
    word: _("Forget"),
    label: (title) => _("Forget: %(title)s", { title }),
    leave: async (id) => {
      await ask(`/me/progress/${id}`, { method: "DELETE" });
      drop(id);
    },
  },
};

// Fills *part*, which has a list, a button for more, and words for where there is nothing. *failed* is told what went wrong.
export async function listLectures(name, part, failed) {
  const [list, more, none] = ["ol", "button", ".none"].map((one) => part.querySelector(one));
  const { read, facts, word, label, leave } = LISTS[name];
  let after = "";

  const nextPage = async () => {
    const { entries, next } = await read(after && `&after=${encodeURIComponent(after)}`);
    const lectures = await Promise.all(entries.map(({ id }) => lecture(id)));
    const rows = entries.map((entry, n) => row(entry, lectures[n]));
    list.append(...rows);
    after = next ?? "";
    more.hidden = !after;
    none.hidden = list.children.length > 0;
    return rows[0];
  };

  const row = (entry, about) => {
    const item = element("li");
    const line = element("p", "facts");
    line.append(...facts(entry, about?.duration_s));
    if (about) {
      const link = element("a", "title", about.title);
      link.href = `/videos/${encodeURIComponent(about.slug)}/`;
      link.dir = "auto";
      if (about.language) link.lang = about.language;
      const batch = element("bdi", "", about.batch.title);
      line.prepend(batch);
      item.append(link, line);
      if (entry.position_s && !entry.completed && about.duration_s) item.append(bar(entry.position_s, about.duration_s));
    } else item.append(element("p", "title", _("This lecture is no longer here.")), line);
    item.append(button(entry.id, item, about?.title ?? ""));
    return item;
  };

  const button = (id, item, title) => {
    const made = element("button", "quiet", word);
    made.type = "button";
    if (title) made.setAttribute("aria-label", label(title));
    made.addEventListener("click", async () => {
      if (made.getAttribute("aria-disabled") === "true") return; // it is under way
      made.setAttribute("aria-disabled", "true");
      clear(part);
      try {
        await leave(id);
      } catch (error) {
        made.removeAttribute("aria-disabled");
        return failed(error);
      }
      const beside = item.nextElementSibling ?? item.previousElementSibling;
      item.remove();
      none.hidden = list.children.length > 0 || !more.hidden;
      (beside?.querySelector("a, button") ?? (more.hidden ? none.querySelector("a") : more)).focus();
    });
    return made;
  };

  more.addEventListener("click", () => nextPage().then((first) => first?.querySelector("a, button").focus(), failed));
  await nextPage();
}

// What its own page says of a lecture; null of one that left.
async function lecture(id) {
  const answer = await fetch(`/data/video/${id}.json`).catch(() => { throw new Failed(0); });
  if (answer.ok) return answer.json();
  if (answer.status === 404 || answer.status === 410) return null;
  throw new Failed(answer.status);
}

function reached(position_s, length_s) {
  const at = clock(position_s);
  return length_s ? _("at %(at)s of %(length)s", { at, length: clock(length_s) }) : _("at %(at)s", { at });
}

const day = (at_ms) => new Date(at_ms).toLocaleDateString(document.documentElement.lang, { dateStyle: "medium" });
