// Pages that were read can be read again without a network, for as long as their tier lets them be kept. See sw.js.
if ("serviceWorker" in navigator && isSecureContext) {
  const { serviceWorker } = navigator;
  const first = !serviceWorker.controller; // this page came past the worker, so it is told to read it too
  const register = () => serviceWorker.register("/sw.js").then(() => serviceWorker.ready)
    .then(({ active }) => first && active?.postMessage(location.pathname)).catch(() => {}); // refused by the browser: then without
  if (document.readyState === "complete") register();
  else addEventListener("load", register);
}
