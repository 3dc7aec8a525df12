// A gated batch: who is enrolled is told by the API where it plays. Nothing is asked where nobody is logged in.
import { waysOfAnswer } from "{{ asset('player-sources.js') }}";
import { _ } from "{{ asset('words.js') }}";

export async function unlock(player) {
  if (!/(?:^|; )lectern_state=/.test(document.cookie)) return;
  const { element } = player;
  const words = element.querySelector(".note span");
  const hosts = (element.dataset.hosts ?? "").split(" ");
  const ask = () => fetch(`/api/v1/playback/${player.video}`, { headers: { Accept: "application/json" } });
  const waysIn = async (answer) => {
    const { sources } = await answer.json();
    return { sources, ways: waysOfAnswer(sources, Date.parse(answer.headers.get("Date")) || Date.now(), hosts, renew) };
  };
  const renew = async (way) => {
    try {
      const { ways } = await waysIn(await ask());
      return ways.find((one) => one.kind === way.kind && one.file && one.start_s === way.start_s);
    } catch {
      return undefined;
    }
  };

  try {
    const answer = await ask();
    if (answer.status === 403) words.textContent = _("This batch is for those enrolled, and you are not enrolled in it.");
    if (!answer.ok) return;
    const { sources, ways } = await waysIn(answer);
    player.ways = ways;
    const first = sources[0];
    if (!first) {
      words.textContent = _("There is no recording of this lecture.");
      return;
    }
    const button = document.querySelector("template.gate").content.cloneNode(true).querySelector("a");
    button.href = first.url;
    if (!player.ways.length) button.querySelector("span").textContent = _("Watch at %(host)s", { host: new URL(first.url).hostname });
    element.querySelector(".note").replaceWith(button);
    if (player.ways.length) player.offer(button);
  } catch {
    words.textContent = _("It cannot be asked now whether you are enrolled. Try again in a minute.");
  }
}
