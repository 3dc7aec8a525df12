// The end of a lecture: the next one of the batch is offered. It begins by itself only for who chose that here.
import { _ } from "{{ asset('words.js') }}";

const CHOSEN = "lectern.next"; // in this browser
const GOES = "lectern.go"; // in this tab, from one lecture to the next
const PAUSE_MS = 5000;

// True once, on the page that the last lecture's end led to.
export function goesOn() {
  try {
    const goes = sessionStorage.getItem(GOES) === location.pathname;
    sessionStorage.removeItem(GOES);
    return goes && localStorage.getItem(CHOSEN) === "1";
  } catch {
    return false;
  }
}

// Takes the offer away.
export function after(player) {
  clearTimeout(player.leaving);
  player.element.querySelector(".over")?.remove();
}

export function ending(player) {
  after(player);
  const next = document.querySelector(".steps a[rel=next]");
  const over = document.createElement("div");
  over.className = "over";
  const again = document.createElement("button");
  again.type = "button";
  again.textContent = _("Play it again");
  again.addEventListener("click", () => player.again());
  over.append(again);
  if (next) over.prepend(...offer(player, next));
  if (document.fullscreenElement === player.element.firstChild) document.exitFullscreen(); // of the media alone: the offer stands beside it
  player.element.append(over);
}

function offer(player, next) {
  const link = document.createElement("a");
  link.href = next.href;
  const title = document.createElement("bdi");
  title.textContent = next.querySelector("bdi").textContent;
  link.append(`${_("Next")}: `, title);
  const label = document.createElement("label");
  const choice = document.createElement("input");
  choice.type = "checkbox";
  const told = document.createElement("span");
  told.role = "status";
  label.append(choice, " ", _("Play the next one by itself"));
  const go = () => {
    clearTimeout(player.leaving);
    told.textContent = choice.checked ? _("It begins in a moment.") : "";
    if (!choice.checked) return;
    player.leaving = setTimeout(() => {
      try {
        sessionStorage.setItem(GOES, new URL(next.href).pathname);
      } catch { /* then it waits there for a press */ }
      location.assign(next.href);
    }, PAUSE_MS);
  };
  try {
    choice.checked = localStorage.getItem(CHOSEN) === "1";
  } catch { /* a browser that keeps nothing */ }
  choice.addEventListener("change", () => {
    try {
      localStorage.setItem(CHOSEN, choice.checked ? "1" : "0");
    } catch { /* for this time only */ }
    go();
  });
  go();
  return [link, label, told];
}
