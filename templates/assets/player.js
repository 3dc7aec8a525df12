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
  button.querySelector("span").textContent = `It does not play here. Open it at ${new URL(button.href).hostname}`;
  player.replaceChildren(button);
  button.focus();
}
