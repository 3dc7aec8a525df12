// The player's events, on the .player element; each bubbles. Its data-video is the video's id. Positions and durations are
// in seconds of the lecture (a source that starts at 90 s of a longer recording has its 90 at 0).
//   lectern:position  {video, position_s, duration_s}  while it plays, at most once a second, and from its first second on
//   lectern:ended     {video, position_s, duration_s}  at the end
//   lectern:resume    {position_s}                     to be dispatched on it: where to start, or to go on; ?t= in the address
//                                                      of the page counts more
import { _ } from "{{ asset('words.js') }}";

// Press play: only now is another host asked. Without this script the button is a link to the lecture's own place.
for (const player of document.querySelectorAll(".player[data-frame], .player[data-file]")) {
  const button = player.querySelector(".play");
  button.addEventListener("click", (event) => {
    if (event.metaKey || event.ctrlKey || event.shiftKey || player.dataset.failed) return;
    const stage = player.dataset.frame ? frame(player) : video(player);
    if (!stage) return;
    event.preventDefault();
    player.replaceChildren(stage);
    stage.focus();
    stage.addEventListener("error", () => leave(player, button));
  });
}

function frame(player) {
  const stage = document.createElement("iframe");
  stage.src = player.dataset.frame;
  stage.title = document.querySelector("h1").textContent;
  stage.allow = "autoplay; encrypted-media; picture-in-picture";
  stage.allowFullscreen = true;
  return stage;
}

function video(player) {
  const stage = document.createElement("video");
  const stream = /\.m3u8([?#]|$)/.test(player.dataset.file);
  if (stream && !stage.canPlayType("application/vnd.apple.mpegurl")) return null;
  stage.controls = stage.autoplay = stage.playsInline = true;
  stage.src = player.dataset.file;
  for (const tracks of document.querySelectorAll("template.tracks")) stage.append(tracks.content.cloneNode(true));
  return stage;
}

// What cannot be played here may still be watched at its own place.
function leave(player, button) {
  player.dataset.failed = "1";
  button.querySelector("span").textContent = _("It does not play here. Open it at %(host)s", { host: new URL(button.href).hostname });
  player.replaceChildren(button);
  button.focus();
}
