// Asks the API: with the state in the address and the form's token, once more after a rest where it is away, and quietly.
import { keep, kept, learn, said, strange, whose } from "{{ asset('overlay-session.js') }}";

const API = "/api/v1";
const REST = "lectern.rest"; // until when (ms since 1970) the API asked not to be asked
const FORM_TOKEN = "/api/docs#form-token"; // the type of the problem that a new token mends
const AWAY = [429, 502, 503, 504];
const BACKOFF_S = 3;
const LONGEST_WAIT_S = 20; // for one that says a longer time nobody waits in this page

// The token of this browser's forms, by the session that it belongs to.
let token = { tag: null, csrf: "" };

export class Failed extends Error {
  // *status* is 0 where there was no answer, or where the API rests; *problem* is RFC 9457's object.
  constructor(status, problem = {}) {
    super(problem.detail ?? `status ${status}`);
    this.status = status;
    this.problem = problem;
  }
}

// The answer's JSON, or null where it has no body. Throws Failed. `retry: false` for what must not be done twice;
// `keepalive` for what must be sent though the page is leaving.
export async function ask(path, { method = "GET", body, retry = true, keepalive = false } = {}) {
  const request = async () => answer(await fetch(API + path, await options(method, body, keepalive)).catch(away));
  if ((kept(REST, sessionStorage) ?? 0) > Date.now()) throw new Failed(0);
  try {
    return await request();
  } catch (error) {
    const isOld = error.problem?.type === FORM_TOKEN;
    if (isOld) token.tag = null;
    else if (!(AWAY.includes(error.status) || (error.status === 0 && retry)) || keepalive) throw error;
    const wait_s = isOld ? 0 : (error.rest_s ?? BACKOFF_S * (1 + Math.random()));
    if (wait_s > LONGEST_WAIT_S) throw error;
    await new Promise((done) => setTimeout(done, wait_s * 1000));
    return request();
  }
}

// A read of the student's own data, in the present state.
export function mine(path) {
  return ask(`/me/${path}${path.includes("?") ? "&" : "?"}v=${said(whose())}`);
}

// Made ready before it is needed, for a page that leaves has no time to ask for it.
export async function ready() {
  if (token.tag === whose().tag) return token.csrf;
  const { csrf } = await answer(await fetch(`${API}/auth/session`).catch(away));
  token = { tag: whose().tag, csrf };
  return csrf;
}

// Sends *body* and waits for nothing: for browsers whose fetch ends with the page.
export function beacon(path, body) {
  return navigator.sendBeacon(API + path, JSON.stringify({ ...body, csrf: token.csrf }));
}

async function options(method, body, keepalive) {
  if (method === "GET") return {};
  const csrf = keepalive && token.tag === whose().tag ? token.csrf : await ready();
  const headers = { "X-CSRF-Token": csrf, ...(body === undefined ? {} : { "Content-Type": "application/json" }) };
  return { method, headers, keepalive, body: body === undefined ? undefined : JSON.stringify(body) };
}

async function answer(response) {
  const json = await response.json().catch(() => null);
  if (response.ok) {
    if (json?.v) learn(json.v);
    return json;
  }
  const failed = new Failed(response.status, json ?? {});
  const after = Number(response.headers.get("Retry-After"));
  if (AWAY.includes(response.status) && after > 0) {
    failed.rest_s = after;
    if (after > LONGEST_WAIT_S) keep(REST, Date.now() + after * 1000, sessionStorage);
  }
  if (response.status === 401 && response.url.includes("/me/")) strange();
  throw failed;
}

function away() {
  throw new Failed(0);
}
