// From a card's picture to the player: the picture that was followed bears the player's name while the page changes.
// Where pages cannot pass into each other, or motion is not wanted, none of this is heard.
const PLAYER = "player";

addEventListener("pageswap", ({ viewTransition, activation }) => {
  if (!viewTransition || !activation?.entry?.url) return;
  const { pathname } = new URL(activation.entry.url);
  if (!pathname.startsWith("/videos/")) return;
  const link = [...document.querySelectorAll(".card a.t")].find((a) => a.pathname === pathname && a.checkVisibility());
  const picture = link?.parentElement.querySelector(".pic");
  if (!picture) return;
  const own = document.querySelector(".player"); // one name, one element
  if (own) own.style.viewTransitionName = "none";
  picture.style.viewTransitionName = PLAYER;
  viewTransition.finished.finally(() => { // the page may be shown again, by the back button
    picture.style.viewTransitionName = "";
    if (own) own.style.viewTransitionName = "";
  });
});
