// In the player's place until a deed wants it: a page that is only read loads none of it. The deed is done again once it is there.
const GOES = "lectern.go"; // see player-next.js
const element = document.querySelector(".player[data-video]");
let coming = null; // the player's module, once it is asked for
let place = null; // a lectern:resume that came before it

function load() {
  if (!coming) element.dispatchEvent(new CustomEvent("lectern:wanted", { bubbles: true })); // who keeps places comes along
  return (coming ??= import("{{ asset('player.js') }}").then(() => {
    for (const [name, hear] of Object.entries(DEEDS)) removeEventListener(name, hear, true);
    if (place) element.dispatchEvent(new CustomEvent("lectern:resume", { detail: place }));
  }));
}

const DEEDS = {
  click(event) {
    const link = event.target.closest(".player .play, .transcript a");
    if (!link || event.metaKey || event.ctrlKey || event.shiftKey) return;
    event.preventDefault();
    load().then(() => link.click(), () => location.assign(link.href)); // without it the link leads to the lecture's own place
  },
  keydown({ target, key, ctrlKey, metaKey, altKey }) {
    if (!/^[k?]$/i.test(key) || ctrlKey || metaKey || altKey || target.closest("input, textarea, select")) return;
    load().then(() => target.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true })), () => {});
  },
  toggle({ target }) {
    if (target.matches(".transcript[open]") && !target.querySelector("li")) ahead();
  },
  pointerover: ({ target }) => target.closest(".player") && ahead(),
  focusin: ({ target }) => target.closest(".player") && ahead(),
  "lectern:resume": ({ detail }) => { place = detail; },
};

function ahead() {
  load().catch(() => { coming = null; });
}

function isWanted() {
  if (new URLSearchParams(location.search).has("t")) return true;
  if (element.dataset.gated !== undefined) return /(?:^|; )lectern_state=/.test(document.cookie);
  try {
    return sessionStorage.getItem(GOES) === location.pathname;
  } catch {
    return false;
  }
}

for (const [name, hear] of Object.entries(DEEDS)) addEventListener(name, hear, true); // in capture: not all of them bubble
if (isWanted()) ahead();
