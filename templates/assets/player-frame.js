// A provider's player in a frame, spoken with by its own messages; no script of a provider runs in our page.
//
// What comes back is taken only from this frame's window and its host's origin, and then only as numbers and words
// that the protocol knows. Sources: the YouTube IFrame Player API reference; vimeo/player.js; PeerTube's embed API over jschannel.
import { _ } from "{{ asset('words.js') }}";

const HELLO_MS = 250;

export function openFrame(way, at_s, hear) {
  const url = new URL(way.frame);
  const frame = document.createElement("iframe");
  const state = { position: at_s, duration: 0, playing: false, muted: false, volume: 1, rate: 1 };
  // Nothing secret is said, and before it has loaded the frame has another origin: so to any.
  const send = (message) => frame.contentWindow?.postMessage(message, "*");
  const heard = { ...hear, ended: () => { state.playing = false; hear.ended(); } };
  const talk = (PROTOCOLS[way.kind] ?? SILENT)(url, at_s, send, heard, state);
  let greeting = 0, known = false;

  const listen = (event) => {
    if (event.source !== frame.contentWindow || event.origin !== url.origin) return;
    const message = parsed(event.data);
    if (!message) return;
    if (!known) {
      known = true;
      clearInterval(greeting);
      hear.alive();
    }
    talk.hear(message);
  };
  const refused = (event) => { if (event.effectiveDirective === "frame-src" && event.blockedURI.startsWith(url.origin)) hear.failed(); };
  addEventListener("message", listen);
  document.addEventListener("securitypolicyviolation", refused);

  frame.title = document.querySelector("h1").textContent || _("Player");
  frame.allow = "autoplay; encrypted-media; fullscreen; picture-in-picture";
  frame.allowFullscreen = true;
  frame.referrerPolicy = "strict-origin-when-cross-origin"; // YouTube plays for nobody else (error 153)
  frame.addEventListener("load", () => {
    if (!talk.hello) return hear.alive(); // it says nothing, so that it came must do
    clearInterval(greeting);
    if (known) return;
    talk.hello();
    greeting = setInterval(talk.hello, HELLO_MS);
  });
  frame.src = url.href;

  return {
    element: frame,
    get position() { return state.position; },
    get duration() { return state.duration; },
    get playing() { return state.playing; },
    get volume() { return state.volume; },
    play: () => { state.playing = true; talk.play(); }, // what it says next counts more
    pause: () => { state.playing = false; talk.pause(); },
    seek: (to_s) => { state.position = to_s; talk.seek(to_s); },
    rate: (rate) => { state.rate = rate; talk.rate(rate); },
    mute: () => { state.muted = !state.muted; talk.mute(state.muted); },
    louder: (by) => { state.volume = Math.min(Math.max(state.volume + by, 0), 1); talk.volume(state.volume); },
    captions: null,
    close() {
      clearInterval(greeting);
      removeEventListener("message", listen);
      document.removeEventListener("securitypolicyviolation", refused);
      frame.remove();
    },
  };
}

// A message as an object; null for what is none. A frame may send anything.
function parsed(data) {
  try {
    const message = typeof data === "string" ? JSON.parse(data) : data;
    return message && typeof message === "object" ? message : null;
  } catch {
    return null;
  }
}

const isTime = (value) => typeof value === "number" && value >= 0 && value < 1e6;

// Notes position and duration in `state`, and tells of it.
function note(state, hear, position, duration) {
  if (isTime(duration)) state.duration = duration;
  if (!isTime(position)) return;
  state.position = position;
  hear.time(state.playing);
}

const PROTOCOLS = {
  youtube(url, at_s, send, hear, state) {
    const [ENDED, PLAYING, PAUSED, BUFFERING] = [0, 1, 2, 3];
    url.searchParams.set("enablejsapi", "1");
    url.searchParams.set("origin", location.origin);
    if (at_s) url.searchParams.set("start", Math.floor(at_s));
    else url.searchParams.delete("start");
    const say = (message) => send(JSON.stringify({ id: 1, channel: "widget", ...message }));
    const call = (func, ...args) => say({ event: "command", func, args });
    let last = null;
    const become = (now) => {
      if (![ENDED, PLAYING, PAUSED, BUFFERING].includes(now) || now === last) return;
      last = now;
      state.playing = now === PLAYING;
      if (now === ENDED) hear.ended();
    };
    return {
      hello: () => say({ event: "listening" }),
      hear({ event, info }) {
        if (event === "onError") return hear.failed();
        if (event === "onReady") {
          for (const name of ["onStateChange", "onError"]) call("addEventListener", name);
          if (state.rate !== 1) call("setPlaybackRate", state.rate);
        } else if (event === "onStateChange") become(info);
        else if ((event === "infoDelivery" || event === "initialDelivery") && info && typeof info === "object") {
          if (typeof info.muted === "boolean") state.muted = info.muted;
          if (isTime(info.volume)) state.volume = Math.min(info.volume / 100, 1);
          if (typeof info.playerState === "number") become(info.playerState);
          note(state, hear, info.currentTime, info.duration);
        }
      },
      play: () => call("playVideo"),
      pause: () => call("pauseVideo"),
      seek: (to_s) => call("seekTo", to_s, true),
      rate: (rate) => call("setPlaybackRate", rate),
      mute: (muted) => call(muted ? "mute" : "unMute"),
      volume: (volume) => call("setVolume", Math.round(volume * 100)),
    };
  },

  vimeo(url, at_s, send, hear, state) {
    url.hash = at_s ? `t=${Math.floor(at_s)}s` : "";
    const call = (method, value) => send(value === undefined ? { method } : { method, value });
    let ready = false;
    return {
      hello: () => call("ping"),
      hear({ event, method, data }) {
        if (!ready && (event === "ready" || method === "ping")) {
          ready = true;
          for (const name of ["timeupdate", "play", "pause", "ended", "error"]) call("addEventListener", name);
          if (state.rate !== 1) call("setPlaybackRate", state.rate);
        } else if (event === "play" || event === "pause") state.playing = event === "play";
        else if (event === "ended") hear.ended();
        else if (event === "timeupdate") {
          state.playing = true;
          note(state, hear, data?.seconds, data?.duration);
        } else if (event === "error" && !data?.method) hear.failed(); // with a method: only that call was refused
      },
      play: () => call("play"),
      pause: () => call("pause"),
      seek: (to_s) => call("setCurrentTime", to_s),
      rate: (rate) => call("setPlaybackRate", rate),
      mute: (muted) => call("setMuted", muted),
      volume: (volume) => call("setVolume", volume),
    };
  },

  peertube(url, at_s, send, hear, state) {
    url.searchParams.set("api", "1");
    if (at_s) url.searchParams.set("start", `${Math.floor(at_s)}s`);
    else url.searchParams.delete("start");
    let number = 0;
    const say = (message) => send(JSON.stringify({ ...message, method: `peertube::${message.method}` }));
    const call = (method, params) => say({ id: ++number, method, params });
    return {
      hello: () => say({ method: "__ready", params: { type: "publish-request", publish: [] } }),
      hear({ method, params, error }) {
        if (error) return; // of a call that it does not know
        if (method === "peertube::__ready" && params?.type === "publish-request") {
          say({ method: "__ready", params: { type: "publish-reply", publish: [] } });
        } else if (method === "peertube::ready") {
          if (state.rate !== 1) call("setPlaybackRate", state.rate);
        } else if (method === "peertube::playbackStatusChange") {
          state.playing = params === "playing";
          if (params === "ended") hear.ended();
        } else if (method === "peertube::playbackStatusUpdate") {
          if (isTime(params?.volume)) state.volume = Math.min(params.volume, 1);
          state.playing = params?.playbackState === "playing";
          note(state, hear, params?.position, params?.duration);
        }
      },
      play: () => call("play"),
      pause: () => call("pause"),
      seek: (to_s) => call("seek", to_s),
      rate: (rate) => call("setPlaybackRate", rate),
      mute: (muted) => call("setVolume", muted ? 0 : state.volume),
      volume: (volume) => call("setVolume", volume),
    };
  },
};

// The Internet Archive's frame takes no orders and tells nothing.
function SILENT(url, at_s) {
  if (at_s) url.searchParams.set("start", Math.floor(at_s));
  const nothing = () => {};
  return { hear: nothing, play: nothing, pause: nothing, seek: nothing, rate: nothing, mute: nothing, volume: nothing };
}
