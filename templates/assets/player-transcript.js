// The transcript: each line is a place in the lecture. It stands in the page, or comes from its file when it is opened.
import { clock } from "{{ asset('player-time.js') }}";
import { _ } from "{{ asset('words.js') }}";

const HANDS_OFF_MS = 5000; // who scrolls the lines reads elsewhere for a while

export function transcript(player) {
  for (const details of document.querySelectorAll("details.transcript")) new Transcript(player, details);
}

class Transcript {
  constructor(player, details) {
    this.details = details;
    this.lines = details.querySelector("ol");
    this.starts = this.read();
    this.touched = -Infinity;
    if (details.open && !this.starts.length) this.load();
    details.addEventListener("toggle", () => { if (details.open && !this.starts.length) this.load(); });
    this.lines.addEventListener("click", (event) => {
      const link = event.target.closest("a");
      if (!link || event.metaKey || event.ctrlKey || event.shiftKey || !player.ready) return;
      event.preventDefault();
      player.seek(startOf(link), true);
    });
    for (const name of ["wheel", "touchmove", "pointerdown"]) {
      this.lines.addEventListener(name, () => { this.touched = performance.now(); }, { passive: true });
    }
    player.followers.push((position_s) => this.follow(position_s));
  }

  read() {
    return [...this.lines.querySelectorAll("a")].map(startOf);
  }

  async load() {
    const told = this.details.querySelector("p");
    try {
      const answer = await fetch(this.details.dataset.cues);
      if (!answer.ok) throw new Error(String(answer.status));
      const { cues } = await answer.json();
      this.lines.replaceChildren(...cues.map(([start_s, text]) => line(start_s, text)));
      this.starts = this.read();
      told?.remove();
    } catch {
      if (told) told.textContent = _("The transcript did not come. Close it and open it again.");
    }
  }

  follow(position_s) {
    if (!this.details.open || !this.starts.length) return;
    let low = 0, high = this.starts.length; // the last line that has begun
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.starts[middle] <= position_s) low = middle + 1;
      else high = middle;
    }
    const link = low ? this.lines.children[low - 1].firstElementChild : null;
    if (link === this.now) return;
    this.now?.removeAttribute("aria-current");
    this.now = link;
    if (!link) return;
    link.setAttribute("aria-current", "true");
    // Within its own box, never the page, and at once: lines that glide are hard to read.
    if (performance.now() - this.touched > HANDS_OFF_MS) {
      this.lines.scrollTop += link.getBoundingClientRect().top - this.lines.getBoundingClientRect().top - this.lines.clientHeight / 3;
    }
  }
}

const startOf = (link) => Number(link.dataset.at);

function line(start_s, text) {
  const item = document.createElement("li");
  const link = document.createElement("a");
  link.href = `?t=${Math.floor(start_s)}`;
  link.dataset.at = start_s;
  const time = document.createElement("time");
  time.textContent = clock(start_s);
  link.append(time, " ", text);
  item.append(link);
  return item;
}
