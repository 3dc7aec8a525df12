// Chooses things by their names, one or several in order: a combobox (WAI-ARIA Authoring Practices) and what was chosen.
import { desk } from "{{ asset('desk-api.js') }}";
import { button, made, said } from "{{ asset('desk-dom.js') }}";
import { _ } from "{{ asset('words.js') }}";

const WAIT_MS = 150;
const SHOWN = 10;

// A control over ids. *many*: several; *make*: (title) => id of a new one, where one may be made; *names*: a map of `kind:id`.
export function pick(id, kind, { many = false, names, changed, make = null, without = null }) {
  let ids = [];
  let options = [];
  let at = -1;
  let timer, turn = 0;
  const chosen = made("ul", { class: "chosen" });
  const list = made("ul", { id: `${id}-list`, role: "listbox", class: "options", hidden: true, "aria-label": _("Found") });
  const input = made("input", {
    id, role: "combobox", type: "text", autocomplete: "off", "aria-expanded": "false", "aria-controls": list.id, "aria-autocomplete": "list",
    maxlength: 200, placeholder: many ? _("Add by name") : _("Choose by name"),
    oninput: () => { clearTimeout(timer); timer = setTimeout(seek, WAIT_MS); },
    onkeydown: pressed, onblur: () => setTimeout(() => !element.contains(document.activeElement) && shut(), 120),
  });
  const element = made("div", { class: "pick" }, chosen, input, list);

  async function seek() {
    const mine = ++turn;
    const q = input.value.trim();
    const found = await desk("GET", `things/${kind}?limit=${SHOWN + ids.length}&q=${encodeURIComponent(q)}`).catch(() => ({ things: [] }));
    if (mine !== turn || document.activeElement !== input) return;
    options = found.things.filter((one) => !ids.includes(one.id) && one.id !== without).slice(0, SHOWN).map((one) => ({ id: one.id, title: one.title, slug: one.slug }));
    if (make && q && !found.things.some((one) => one.title.toLowerCase() === q.toLowerCase())) options.push({ id: null, title: q });
    at = options.length ? 0 : -1;
    list.replaceChildren(...(options.length ? options.map(row) : [made("li", { role: "option", "aria-disabled": "true" }, _("Nothing is called so."))]));
    list.hidden = false;
    input.setAttribute("aria-expanded", "true");
    mark();
  }

  function row(option, n) {
    const words = option.id === null ? [_("Make a new one:"), " ", said(option.title)] : [said(option.title), " ", made("small", {}, option.slug)];
    return made("li", { role: "option", id: `${id}-o${n}`, onpointerdown: (event) => (event.preventDefault(), take(n)) }, words);
  }

  function mark() {
    [...list.children].forEach((item, n) => item.setAttribute("aria-selected", String(n === at)));
    if (at >= 0) input.setAttribute("aria-activedescendant", `${id}-o${at}`);
    else input.removeAttribute("aria-activedescendant");
  }

  function shut() {
    turn++;
    list.hidden = true;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
  }

  async function take(n) {
    const option = options[n];
    if (!option) return;
    shut();
    const made_ = option.id ?? (await make(option.title).catch((error) => (input.setCustomValidity(error.message), input.reportValidity(), null)));
    if (made_ === null) return;
    names[`${kind}:${made_}`] = option.title;
    ids = many ? [...ids, made_] : [made_];
    input.value = "";
    show();
    changed();
    input.focus();
  }

  function pressed(event) {
    input.setCustomValidity("");
    const open = !list.hidden;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (!open) return void seek();
      at = options.length ? (at + (event.key === "ArrowDown" ? 1 : options.length - 1)) % options.length : -1;
      mark();
    } else if (event.key === "Enter") {
      event.preventDefault();
      if (open && at >= 0) take(at);
    } else if (event.key === "Escape" && open) {
      event.stopPropagation();
      event.preventDefault();
      shut();
    } else if (event.key === "Backspace" && !input.value && ids.length && many) leave(ids.length - 1);
  }

  function leave(n) {
    ids = ids.filter((_one, m) => m !== n);
    show();
    changed();
    input.focus();
  }

  function show() {
    chosen.replaceChildren(...ids.map((one, n) => {
      const name = names[`${kind}:${one}`] ?? `#${one}`;
      return made("li", {}, said(name), button("×", () => leave(n), { "aria-label": _("Take %(name)s away", { name }) }));
    }));
    if (!many) input.placeholder = ids.length ? _("Choose another one") : _("Choose by name");
  }

  return {
    element, input,
    get: () => (many ? ids : (ids[0] ?? null)),
    set(value) {
      ids = many ? [...(value ?? [])] : value ? [value] : [];
      show();
    },
  };
}
