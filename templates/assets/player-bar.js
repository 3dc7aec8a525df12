// What stands below the player once it plays: speed, and where the keys are told.
import { _ } from "{{ asset('words.js') }}";

export const SPEEDS = [0.5, 0.75, 1, 1.25, 1.5, 1.75, 2];
const KEPT = "lectern.speed"; // in this browser

export function bar(player) {
  const line = document.createElement("div");
  line.className = "bar";
  const label = document.createElement("label");
  const choice = document.createElement("select");
  const format = new Intl.NumberFormat(document.documentElement.lang || "en");
  for (const speed of SPEEDS) choice.add(new Option(`${format.format(speed)}×`, speed));
  const kept = Number(stored());
  choice.value = SPEEDS.includes(kept) ? kept : 1;
  label.append(_("Speed"), " ", choice);
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = _("Keys");
  button.addEventListener("click", () => player.showKeys?.());
  line.append(label, button);
  player.element.after(line);

  const change = () => {
    try {
      localStorage.setItem(KEPT, choice.value);
    } catch { /* a browser that keeps nothing */ }
    player.stage?.rate(Number(choice.value));
  };
  choice.addEventListener("change", change);
  return {
    get speed() { return Number(choice.value); },
    faster(steps) {
      const at = SPEEDS.indexOf(Number(choice.value)) + steps;
      choice.value = SPEEDS[Math.min(Math.max(at, 0), SPEEDS.length - 1)];
      change();
    },
    remove: () => line.remove(),
  };
}

function stored() {
  try {
    return localStorage.getItem(KEPT);
  } catch {
    return null;
  }
}
