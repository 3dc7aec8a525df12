// Files and streams in the browser's own player. A stream that it cannot play, or not as well, goes through hls.js, loaded only then.
import { signedWay } from "{{ asset('player-signed.js') }}";

const HLS_TYPE = "application/vnd.apple.mpegurl";

export function openMedia(way, at_s, hear) {
  const video = document.createElement("video");
  const signed = signedWay(way);
  let hls = null, rate = 1, closed = false, renewed_ms = 0;

  video.controls = video.autoplay = video.playsInline = true;
  video.preload = "metadata";
  for (const tracks of document.querySelectorAll("template.tracks")) video.append(tracks.content.cloneNode(true));

  const start = (from_s) => {
    video.addEventListener("loadedmetadata", () => {
      if (from_s) video.currentTime = from_s;
      video.defaultPlaybackRate = video.playbackRate = rate;
    }, { once: true });
    video.src = signed.url;
    video.play().catch(() => {}); // refused without a gesture: the controls are there
  };

  // Of an address that has run out, a new one goes on at the same place, once a minute at most.
  const mayRenew = () => signed.canRenew && performance.now() - renewed_ms > 60_000;
  const broken = async () => {
    const again = mayRenew();
    renewed_ms = performance.now();
    if (closed) return;
    if (!again || hls) return hear.failed();
    const at = video.currentTime || at_s;
    if (await signed.renew() && !closed) start(at);
    else hear.failed();
  };

  // A browser that waits for pieces of a stream whose address has run out may wait for good, without an error.
  const waiting = () => { if (!hls && signed.isOver && mayRenew()) broken(); };

  const stream = async () => {
    try {
      await import("{{ asset('hls/hls.light.min.js') }}");
    } catch {
      return hear.failed();
    }
    const { Hls } = globalThis;
    if (closed) return;
    if (!Hls?.isSupported()) return byItself ? start(at_s) : hear.failed();
    hls = new Hls({
      startPosition: at_s || -1,
      maxBufferLength: 30, // seconds; a student who leaves has loaded no more
      xhrSetup: signed.canRenew || signed.query ? async (xhr, url) => xhr.open("GET", await signed.fresh(url), true) : undefined,
    });
    let mended = false;
    hls.on(Hls.Events.ERROR, (_event, { fatal, type }) => {
      if (!fatal) return;
      if (type !== Hls.ErrorTypes.MEDIA_ERROR || mended) return hear.failed();
      mended = true;
      hls.recoverMediaError();
    });
    hls.loadSource(signed.url);
    hls.attachMedia(video);
    video.playbackRate = rate;
    video.play().catch(() => {});
  };

  video.addEventListener("error", broken);
  video.addEventListener("waiting", waiting);
  video.addEventListener("loadeddata", hear.alive);
  for (const name of ["timeupdate", "pause", "seeked"]) {
    video.addEventListener(name, () => { if (!video.seeking) hear.time(!video.paused && !video.ended); });
  }
  video.addEventListener("ended", hear.ended);

  // Segments with a query of their own, and addresses that end, want a loader that heeds them. Where there can be none, as on
  // older iPhones, the browser's own does: what lies beside the playlist bears the signature in its path, or a cookie does.
  const byItself = way.kind !== "hls" || video.canPlayType(HLS_TYPE);
  const canLoad = globalThis.ManagedMediaSource || globalThis.MediaSource;
  if (byItself && (way.kind !== "hls" || !canLoad || !(way.query || way.renew))) start(at_s);
  else stream();

  return {
    element: video,
    get position() { return video.currentTime; },
    get duration() { return Number.isFinite(video.duration) ? video.duration : 0; },
    get playing() { return !video.paused; },
    get volume() { return video.volume; },
    play: () => video.play().catch(() => {}),
    pause: () => video.pause(),
    seek: (to_s) => { video.currentTime = to_s; },
    rate: (to) => { rate = to; video.defaultPlaybackRate = video.playbackRate = to; },
    mute: () => { video.muted = !video.muted; },
    louder: (by) => { video.volume = Math.min(Math.max(video.volume + by, 0), 1); },
    captions: video.textTracks,
    close() {
      closed = true;
      hls?.destroy();
      video.removeEventListener("error", broken);
      video.removeEventListener("waiting", waiting);
      video.removeAttribute("src");
      video.load();
    },
  };
}
