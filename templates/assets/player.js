// The player: one lecture's sources in turn, from the first press of play on; before it no other host is asked. Without
// this script the button is a link to the lecture's own place.
//
// Its events, on the .player element; each bubbles. Its data-video is the video's id. Positions and durations are in seconds
// of the lecture (a source that starts at 90 s of a longer recording has its 90 at 0).
//   lectern:position  {video, position_s, duration_s}  while it plays, at most once a second, and from its first second on
//   lectern:ended     {video, position_s, duration_s}  at the end
//   lectern:resume    {position_s}                     to be dispatched on it: where to start, or to go on; ?t= in the address
//                                                      of the page counts more
import { after, ending, goesOn } from "{{ asset('player-next.js') }}";
import { bar } from "{{ asset('player-bar.js') }}";
import { clock, seconds } from "{{ asset('player-time.js') }}";
import { keys } from "{{ asset('player-keys.js') }}";
import { openFrame } from "{{ asset('player-frame.js') }}";
import { openMedia } from "{{ asset('player-media.js') }}";
import { transcript } from "{{ asset('player-transcript.js') }}";
import { waysOf } from "{{ asset('player-sources.js') }}";
import { _ } from "{{ asset('words.js') }}";

const NOTHING_MS = 15_000; // a source that has not stirred by then gives way; a slow phone's first bytes come sooner
const EVERY_MS = 1000;
const TICK_S = 1; // who leaves within the first second has seen nothing

class Player {
  constructor(element) {
    this.element = element;
    this.video = Number(element.dataset.video);
    this.length_s = Number(element.dataset.length) || 0;
    this.asked_s = seconds(new URLSearchParams(location.search).get("t"));
    this.place_s = this.asked_s ?? 0;
    this.stage = null;
    this.ways = waysOf(document.querySelectorAll("article a[data-kind]"));
    this.followers = [];
    element.tabIndex = -1;
    element.addEventListener("lectern:resume", (event) => this.resume(event.detail?.position_s));
    this.button = element.querySelector(".play");
    if (this.button && this.ways.length) this.offer(this.button);
  }

  // A press of `button`, a link to the lecture's own place, plays it here.
  offer(button) {
    this.button = button;
    button.addEventListener("click", (event) => {
      if (event.metaKey || event.ctrlKey || event.shiftKey || this.failed) return;
      event.preventDefault();
      this.begin();
    });
    if (this.asked_s) button.querySelector("span").textContent += ` · ${clock(this.asked_s)}`;
  }

  get ready() { return this.stage || (this.button && this.ways.length && !this.failed); }
  get position_s() { return this.stage ? Math.max(this.stage.position - this.way.start_s, 0) : this.place_s; }
  get duration_s() {
    const whole = this.stage?.duration || 0;
    return this.length_s && (!whole || this.way.start_s) ? this.length_s : whole;
  }

  begin() {
    if (this.stage) return this.stage.play();
    this.left = [...this.ways];
    this.open();
  }

  open() {
    this.way = this.left.shift();
    if (!this.way) return this.leave();
    const at_s = this.way.start_s + this.place_s;
    const hear = this.hearing();
    this.stage = (this.way.file ? openMedia : openFrame)(this.way, at_s, hear);
    this.element.replaceChildren(this.stage.element);
    this.bar ??= bar(this);
    this.stage.rate(this.bar.speed);
    this.element.focus({ preventScroll: true }); // not the frame: the keys are ours then
    this.doubt = setTimeout(hear.failed, NOTHING_MS);
  }

  // What a stage says. Only the present one is heard: what gave way may still speak.
  hearing() {
    const of = (does) => (...said) => { if (this.stage && hear === this.heard) does(...said); };
    const hear = this.heard = {
      alive: of(() => clearTimeout(this.doubt)),
      time: of((playing) => this.moved(playing)),
      ended: of(() => this.end()),
      failed: of(() => this.giveWay()),
    };
    return hear;
  }

  giveWay() {
    clearTimeout(this.doubt);
    this.stage.close();
    this.stage = null;
    this.open();
  }

  // What cannot be played here may still be watched at its own place.
  leave() {
    this.failed = true;
    this.bar?.remove();
    this.button.querySelector("span").textContent = _("It does not play here. Open it at %(host)s", { host: new URL(this.button.href).hostname });
    this.element.replaceChildren(this.button);
    this.button.focus();
  }

  moved(playing) {
    const now = performance.now();
    this.place_s = this.position_s;
    for (const follow of this.followers) follow(this.place_s);
    if (!playing) { this.since = undefined; return; }
    this.since ??= now;
    if (now - this.since < TICK_S * 1000 || now - (this.told ?? -Infinity) < EVERY_MS) return;
    this.told = now;
    this.tell("lectern:position");
  }

  end() {
    this.tell("lectern:ended");
    this.place_s = 0;
    ending(this);
  }

  tell(name) {
    const { video, position_s, duration_s } = this;
    this.element.dispatchEvent(new CustomEvent(name, { bubbles: true, detail: { video, position_s, duration_s } }));
  }

  // To a place of the lecture; starts it where it has not begun.
  seek(to_s, begin = false) {
    const whole = this.duration_s;
    this.place_s = Math.max(whole ? Math.min(to_s, whole) : to_s, 0);
    if (this.stage) this.stage.seek(this.way.start_s + this.place_s);
    else if (begin && this.ready) this.begin();
  }

  resume(to_s) {
    if (this.asked_s === null && Number.isFinite(to_s) && to_s >= 0) this.seek(to_s);
  }

  again() {
    after(this);
    this.seek(0);
    this.stage.play();
  }
}

async function start() {
  const element = document.querySelector(".player[data-video]");
  if (!element) return;
  const player = new Player(element);
  transcript(player);
  keys(player);
  if (document.prerendering) await new Promise((shown) => document.addEventListener("prerenderingchange", shown, { once: true }));
  if (element.dataset.gated !== undefined) {
    const { unlock } = await import("{{ asset('player-gated.js') }}");
    await unlock(player);
  }
  if (goesOn() && player.ready) player.begin();
}

await start();
