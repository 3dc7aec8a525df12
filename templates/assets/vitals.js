// How quick this page view was: the largest paint, the slowest answer to the reader, what jumped. Told once, when the page is left,
// without cookies and by page kind alone. Loaded in one page view of a hundred; definitions are web.dev's.
const KINDS = { courses: "course", batches: "batch", subjects: "subject", instructors: "instructor", videos: "video" };
const GAP_MS = 1000; // shifts that are further apart are of two windows
const WINDOW_MS = 5000; // a window is no longer

let lcp = null;
let inp = null;
let cls = 0;
let shifts = { begun: 0, last: 0, sum: 0 };
let told = false;

const observe = (type, each, more = {}) => {
  try {
    new PerformanceObserver((list) => list.getEntries().forEach(each)).observe({ type, buffered: true, ...more });
    return true;
  } catch {
    return false; // a browser that does not measure it
  }
};

observe("largest-contentful-paint", (entry) => (lcp = entry.startTime));
observe("event", (entry) => entry.interactionId && (inp = Math.max(inp ?? 0, entry.duration)), { durationThreshold: 16 });
const shifting = observe("layout-shift", (entry) => {
  if (entry.hadRecentInput) return;
  const same = entry.startTime - shifts.last < GAP_MS && entry.startTime - shifts.begun < WINDOW_MS;
  shifts = { begun: same ? shifts.begun : entry.startTime, last: entry.startTime, sum: (same ? shifts.sum : 0) + entry.value };
  cls = Math.max(cls, shifts.sum);
});

function kind() {
  const [folder, slug, page] = location.pathname.split("/").filter(Boolean);
  if (!folder) return "home";
  if (folder === "search" || folder === "account") return folder;
  if (!KINDS[folder]) return "other";
  return !slug || slug === "page" || page ? "list" : KINDS[folder];
}

document.addEventListener("visibilitychange", () => {
  if (told || !document.hidden) return;
  told = true;
  const body = { kind: kind() };
  if (lcp !== null) body.lcp_ms = Math.min(Math.round(lcp), 60000);
  if (inp !== null) body.inp_ms = Math.min(Math.round(inp), 60000);
  if (shifting) body.cls = Math.min(Math.round(cls * 1000) / 1000, 10);
  // A beacon that bears no cookie, which navigator.sendBeacon would send.
  fetch("/api/v1/vitals", {
    method: "POST", keepalive: true, credentials: "omit", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
  }).catch(() => {});
});
