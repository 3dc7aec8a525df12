// A batch's lectures in order: dragged, or moved with Alt and the arrows; what moved where is said aloud.
import { button, made, said, tell } from "{{ asset('desk-dom.js') }}";
import { _ } from "{{ asset('words.js') }}";

// A control over the ids of all videos of a batch.
export function order(id, names, changed) {
  let ids = [];
  let dragged = null;
  const list = made("ol", { class: "order", id, "aria-describedby": `${id}-hint`, tabindex: "-1" });
  const hint = made("p", { class: "hint", id: `${id}-hint` }, _("Drag a lecture, or go to it with Tab and move it with Alt and ↑, ↓, Home or End."));
  const element = made("div", {}, hint, list);

  function row(video, n) {
    const title = names[`video:${video}`] ?? `#${video}`;
    const place = button("", () => {}, { class: "handle", "aria-label": _("%(title)s, place %(n)s: move it with Alt and the arrows", { title, n: n + 1 }), onkeydown: (event) => pressed(event, video) });
    place.append(made("span", { "aria-hidden": "true" }, "⠿"));
    const item = made("li", { draggable: "true" }, place, said(title),
      made("a", { href: `/desk/#${video}`, class: "to" }, _("Edit"), made("span", { class: "aloud" }, ` ${title}`)));
    item.addEventListener("dragstart", (event) => {
      dragged = video;
      event.dataTransfer.effectAllowed = "move";
      event.dataTransfer.setData("text/plain", title);
      item.classList.add("dragged");
    });
    item.addEventListener("dragend", () => item.classList.remove("dragged"));
    item.addEventListener("dragover", (event) => {
      if (dragged === null) return;
      event.preventDefault();
      item.classList.toggle("after", isBelow(event, item));
      item.classList.toggle("before", !isBelow(event, item));
    });
    item.addEventListener("dragleave", () => item.classList.remove("before", "after"));
    item.addEventListener("drop", (event) => {
      event.preventDefault();
      if (dragged !== null && dragged !== video) {
        const rest = ids.filter((one) => one !== dragged);
        move(dragged, rest.indexOf(video) + (isBelow(event, item) ? 1 : 0));
      } else show();
      dragged = null;
    });
    return item;
  }

  function isBelow(event, item) {
    const { top, height } = item.getBoundingClientRect();
    return event.clientY > top + height / 2;
  }

  function pressed(event, video) {
    const n = ids.indexOf(video);
    const to = { ArrowUp: n - 1, ArrowDown: n + 1, Home: 0, End: ids.length - 1 }[event.key];
    if (!event.altKey || to === undefined) return;
    event.preventDefault();
    if (to >= 0 && to < ids.length) move(video, to);
  }

  function move(video, to) {
    ids = ids.filter((one) => one !== video);
    ids.splice(to, 0, video);
    show();
    list.children[to].querySelector(".handle").focus();
    tell(_("%(title)s is now at place %(n)s of %(all)s.", { title: names[`video:${video}`] ?? video, n: to + 1, all: ids.length }));
    changed();
  }

  const show = () => list.replaceChildren(...ids.map(row));

  return {
    element, input: list,
    get: () => ids,
    set(value) {
      ids = [...(value ?? [])];
      show();
    },
  };
}
