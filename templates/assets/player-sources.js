// From the page's links to the ways in which each may be played here, the best first.

// The ways of `links`, which bear data-kind, and data-frame or data-file where something here can play them.
export const waysOf = (links) => [...links].flatMap(({ dataset: { kind, frame, file, start } }) =>
  ways({ kind, frame, file, start_s: Number(start) || 0 }));

// What the API names, as the page would have named it: `sources` are {kind, url, start_s, until_ms, query}. `now_ms` is the
// server's time: a phone's clock may be wrong by more than a signature holds.
export function waysOfAnswer(sources, now_ms, hosts, renew) {
  return sources.flatMap(({ kind, url, start_s, until_ms, query }) => {
    const own = kind === "file" || kind === "hls";
    const frame = own ? undefined : frameOf(kind, url, hosts);
    const file = own ? url : kind === "archive" ? archived(url) : undefined;
    const ends = until_ms ? performance.now() + until_ms - now_ms : undefined;
    return ways({ kind, frame, file, start_s, ends, query, renew: until_ms ? renew : undefined });
  });
}

// A file first, since it is played by our own player; its frame where that fails.
function ways(source) {
  const found = [];
  if (source.file) found.push({ ...source, frame: undefined });
  if (source.frame) found.push({ ...source, file: undefined });
  return found;
}

function frameOf(kind, url, hosts) {
  let at;
  try {
    at = new URL(url);
  } catch {
    return undefined;
  }
  const last = at.pathname.split("/").pop();
  if (kind === "youtube") return `https://www.youtube-nocookie.com/embed/${at.searchParams.get("v")}?autoplay=1&rel=0`;
  if (kind === "vimeo") {
    const [number, secret] = at.pathname.slice(1).split("/");
    return `https://player.vimeo.com/video/${number}?${secret ? `h=${secret}&` : ""}autoplay=1&dnt=1`;
  }
  if (kind === "archive") return `https://archive.org/embed/${at.pathname.replace(/^\/details\//, "")}?autoplay=1`;
  return kind === "peertube" && hosts.includes(at.host) ? `https://${at.host}/videos/embed/${last}?autoplay=1` : undefined;
}

function archived(url) {
  return /^https:\/\/archive\.org\/details\/[^/]+\/.+\.(?:mp4|m4v|webm)$/i.test(url) ? url.replace("/details/", "/download/") : undefined;
}
