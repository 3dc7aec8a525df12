// Press play: only now is another host asked. Without this script the button is a link to the lecture's own place.
for (const player of document.querySelectorAll(".player[data-frame], .player[data-file]")) {
  const button = player.querySelector(".play");
  if (!button) continue;
  button.addEventListener("click", (event) => {
    if (event.metaKey || event.ctrlKey || event.shiftKey) return;
    event.preventDefault();
    const stage = player.dataset.frame ? frame(player) : video(player);
    player.replaceChildren(stage);
    stage.focus();
  });
}

function frame(player) {
  const stage = document.createElement("iframe");
  stage.src = player.dataset.frame;
  stage.title = document.querySelector("h1").textContent;
  stage.allow = "autoplay; encrypted-media; fullscreen; picture-in-picture";
  stage.allowFullscreen = true;
  return stage;
}

function video(player) {
  const stage = document.createElement("video");
  stage.controls = true;
  stage.autoplay = true;
  stage.playsInline = true;
  stage.src = player.dataset.file;
  for (const track of document.querySelectorAll("template.tracks")) stage.append(track.content.cloneNode(true));
  return stage;
}
