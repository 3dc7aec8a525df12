// Makes elements. What is set into them is text, never markup.

// made("button", { type: "button", class: "strong", onclick: f }, "Publish"): properties by their names, null ones left out.
export function made(tag, given = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(given)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name === "class" ? "class" : name, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export const button = (label, onclick, given = {}) => made("button", { type: "button", onclick, ...given }, label);

// A title or name that somebody wrote: it turns nothing round that stands about it.
export const said = (text, given = {}) => made("bdi", given, text);

// A link of ours or of the catalog's; an address that is neither http nor our own becomes text.
export function link(href, text, given = {}) {
  const safe = /^(https?:\/\/|\/(?!\/)|#)/.test(href ?? "");
  return safe ? made("a", { href, ...given }, text) : made("span", {}, text);
}

// A dialog that Escape and its own buttons close; what it held is gone then.
export function dialog(title, content, given = {}) {
  const id = `d${Math.random().toString(36).slice(2)}`;
  const box = made("dialog", { "aria-labelledby": id, ...given }, made("h2", { id }, title), content);
  const before = document.activeElement;
  box.addEventListener("close", () => {
    box.remove();
    if (before?.isConnected) before.focus();
  });
  document.body.append(box);
  box.showModal();
  return box;
}

// Said aloud by a screen reader, and shown for a while.
export function tell(text) {
  const place = document.querySelector(".tell");
  place.textContent = text;
  clearTimeout(tell.timer);
  tell.timer = setTimeout(() => (place.textContent = ""), 6000);
}
