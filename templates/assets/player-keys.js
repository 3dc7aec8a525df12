// The keyboard, as video sites have it. Where the provider's own player has the focus its own keys hold: a frame keeps them.
import { _ } from "{{ asset('words.js') }}";

const KEYS = () => [
  ["k", _("play or pause; the space bar too, once it plays")],
  ["j l", _("10 seconds back or on")],
  ["← →", _("5 seconds back or on")],
  ["↑ ↓", _("louder or quieter")],
  ["0 … 9", _("to that tenth of the lecture")],
  ["< >", _("slower or faster")],
  ["m", _("sound off or on")],
  ["c", _("captions off or on, in our own player")],
  ["f", _("whole screen")],
  ["?", _("this list")],
];

export function keys(player) {
  player.showKeys = () => list().showModal();
  addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
    if (document.querySelector("dialog[open]")) return;
    if (event.key === "?") player.showKeys();
    else if (!player.ready || !press(player, event)) return;
    event.preventDefault();
  });
}

function typing(target) {
  return target instanceof HTMLElement && (target.isContentEditable || /^(?:INPUT|TEXTAREA|SELECT)$/.test(target.tagName));
}

// Does what the key says; false where it says nothing here.
function press(player, { key, target }) {
  const { stage } = player;
  const letter = key.length === 1 ? key.toLowerCase() : key;
  if (letter === "k") {
    stage?.playing ? stage.pause() : player.begin();
    return true;
  }
  if (!stage) return false;
  // A page is moved by arrows and space too, and a button pressed: they are the player's only where it has the focus.
  const here = target === document.body || player.element.contains(target);
  if (letter === " ") {
    if (!here || target.closest("a, button")) return false;
    stage.playing ? stage.pause() : stage.play();
  } else if (letter.startsWith("Arrow") && !here) return false;
  else if (letter === "ArrowLeft") player.seek(player.position_s - 5);
  else if (letter === "ArrowRight") player.seek(player.position_s + 5);
  else if (letter === "ArrowUp") stage.louder(0.1);
  else if (letter === "ArrowDown") stage.louder(-0.1);
  else if (letter === "j") player.seek(player.position_s - 10);
  else if (letter === "l") player.seek(player.position_s + 10);
  else if (letter === "m") stage.mute();
  else if (letter === "f") document.fullscreenElement ? document.exitFullscreen() : player.element.requestFullscreen?.();
  else if (letter === "c") toggle(stage.captions);
  else if (letter === "<") player.bar.faster(-1);
  else if (letter === ">") player.bar.faster(1);
  else if (/^[0-9]$/.test(letter) && player.duration_s) player.seek((player.duration_s * Number(letter)) / 10);
  else return false;
  return true;
}

// Captions in the page's language, where there are any in it.
function toggle(tracks) {
  const all = [...(tracks ?? [])];
  const shown = all.filter((track) => track.mode === "showing");
  for (const track of shown) track.mode = "disabled";
  if (shown.length || !all.length) return;
  const wanted = document.querySelector("h1").lang || document.documentElement.lang;
  (all.find((track) => track.language === wanted) ?? all[0]).mode = "showing";
}

function list() {
  const found = document.querySelector("dialog.keys");
  if (found) return found;
  const dialog = document.createElement("dialog");
  dialog.className = "keys";
  const title = document.createElement("h2");
  title.textContent = _("Keys");
  const rows = document.createElement("dl");
  for (const [key, does] of KEYS()) {
    const name = document.createElement("dt");
    for (const one of key.split(" ")) {
      const kbd = document.createElement("kbd");
      kbd.textContent = one;
      name.append(kbd, " ");
    }
    const what = document.createElement("dd");
    what.textContent = does;
    rows.append(name, what);
  }
  const note = document.createElement("p");
  note.textContent = _("While a provider's own player has the focus, its keys hold. Press beside it, and these do again.");
  const form = document.createElement("form");
  form.method = "dialog";
  const close = document.createElement("button");
  close.textContent = _("Close");
  form.append(close);
  dialog.append(title, rows, note, form);
  document.body.append(dialog);
  return dialog;
}
