// What every page begins with. It is small, since all that it may lead to is loaded where there is something to do.

// The student's own data: where somebody is signed in or has begun a lecture, now or later in the life of this page.
const OWN = /(?:^|; )lectern_state=/;
const BEGUN = "lectern.nobody";
const NOTICED = ["lectern:wanted", "lectern:position", "lectern:ended", "storage", "visibilitychange", "pageshow"];

function isAnybodys() {
  try {
    return OWN.test(document.cookie) || localStorage.getItem(BEGUN) !== null;
  } catch {
    return false; // a browser that keeps nothing
  }
}

async function join(event) {
  const isPlayers = event?.type.startsWith("lectern:");
  if (!isPlayers && !isAnybodys()) return;
  for (const name of NOTICED) removeEventListener(name, join);
  try {
    const { told } = await import("{{ asset('overlay.js') }}");
    if (isPlayers) told(event); // it was not there to hear it
  } catch { /* no network: the page is whole without it */ }
}

for (const name of NOTICED) addEventListener(name, join);
join();

// One page view in a hundred tells how quick it was; a browser that a program drives is no reader.
if (!navigator.webdriver && Math.random() < 0.01) import("{{ asset('vitals.js') }}").catch(() => {});

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

// Pages that were read can be read again without a network, for as long as their tier lets them be kept. See sw.js.
if ("serviceWorker" in navigator && isSecureContext) {
  const { serviceWorker } = navigator;
  const first = !serviceWorker.controller; // this page came past the worker, so it is told to read it too
  const register = () => serviceWorker.register("/sw.js").then(() => serviceWorker.ready)
    .then(({ active }) => first && active?.postMessage(location.pathname)).catch(() => {}); // refused by the browser: then without
  if (document.readyState === "complete") register();
  else addEventListener("load", register);
}
