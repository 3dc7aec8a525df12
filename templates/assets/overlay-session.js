// Whose page this is. The API tells it in a cookie that is no secret, TAG.REVISION: the session's tag, the account's revision.
// What this site keeps in a browser lies below names that begin with "lectern.", and leaves at log-out.
const COOKIE = "lectern_state";
const SEEN = "lectern.seen";
const CHANNEL = "lectern.whose";
const LIFE_S = 30 * 24 * 60 * 60; // a session's

export function kept(name, store = localStorage) {
  try {
    return JSON.parse(store.getItem(name));
  } catch {
    return null; // storage is refused, or somebody wrote into it
  }
}

export function keep(name, value, store = localStorage) {
  try {
    store.setItem(name, JSON.stringify(value));
  } catch {
    // refused or full: it is only a copy
  }
}

// {tag: "", revision: 0} for who is not signed in.
export function whose() {
  const told = read(document.cookie.split("; ").find((pair) => pair.startsWith(`${COOKIE}=`))?.slice(COOKIE.length + 1));
  const seen = read(kept(SEEN));
  if (!told.tag || told.tag !== seen.tag) return told;
  if (told.revision < seen.revision) write(seen); // an answer that was late had set it back
  return told.revision < seen.revision ? seen : told;
}

// What an answer to a write says the state is now.
export function learn(v) {
  const now = read(v);
  const before = whose();
  if (!now.tag || now.tag !== before.tag) return; // somebody else has logged in meanwhile
  const latest = now.revision < before.revision ? before : now;
  keep(SEEN, said(latest));
  write(latest);
}

export const said = ({ tag, revision }) => `${tag}.${revision}`;

// The session has ended elsewhere.
export function strange() {
  document.cookie = `${COOKIE}=; path=/; max-age=0; samesite=lax`;
}

// Calls *changed* when a page of this browser has forgotten all. Returns what ends it.
export function onForgotten(changed) {
  const channel = new BroadcastChannel(CHANNEL);
  channel.onmessage = changed;
  return () => channel.close();
}

// All that this browser keeps of anybody: at log-out, and when an account is deleted.
export async function forget() {
  for (const store of [localStorage, sessionStorage]) {
    try {
      for (const name of Object.keys(store)) if (name.startsWith("lectern.")) store.removeItem(name);
    } catch {
      // refused: then nothing is there
    }
  }
  strange();
  const channel = new BroadcastChannel(CHANNEL);
  channel.postMessage("left"); // what the server clears rings no storage event
  channel.close();
  if (globalThis.caches) for (const name of await caches.keys().catch(() => [])) await caches.delete(name).catch(() => false);
}

function read(text) {
  const [tag, revision] = typeof text === "string" ? text.split(".") : [];
  return /^[\w-]+$/.test(tag ?? "") && /^\d+$/.test(revision ?? "") ? { tag, revision: Number(revision) } : { tag: "", revision: 0 };
}

function write(state) {
  const secure = location.protocol === "https:" ? "; secure" : "";
  document.cookie = `${COOKIE}=${said(state)}; path=/; max-age=${LIFE_S}; samesite=lax${secure}`;
}
