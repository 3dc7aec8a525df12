// Press play: only now is another host asked.
for (const player of document.querySelectorAll(".player[data-frame]")) {
  const frame = player.dataset.frame;
  const link = player.querySelector("a");
  if (!frame || !link) continue;
  link.addEventListener("click", (event) => {
    event.preventDefault();
    const iframe = document.createElement("iframe");
    iframe.src = frame;
    iframe.allow = "autoplay; encrypted-media; fullscreen; picture-in-picture";
    iframe.allowFullscreen = true;
    player.replaceChildren(iframe);
  });
}
