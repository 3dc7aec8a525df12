// Asks the desk's API. Who is not logged in any more logs in where they are, and what they did goes on.
import { logIn } from "{{ asset('desk-login.js') }}";
import { sentence } from "{{ asset('problems.js') }}";
import { _ } from "{{ asset('words.js') }}";

const API = "/api/v1/";
const FORM_TOKEN = "/api/docs#form-token"; // the type of the problem that a new token mends
const LOOK_MS = [60, 90, 130, 200, 300, 500]; // after so long a question's answer is looked for; then each half second
let csrf = null;
let logging = null; // one dialog for all that wait for it

export class Failed extends Error {
  // *status* is 0 where nobody answered; *problem* is RFC 9457's object.
  constructor(status, problem) {
    super(problem?.detail ? sentence(problem) : (status ? _("The server answered with an error (%(status)s). Try again in a minute.", { status })
      : _("The server does not answer. What you typed is still here; it is tried again.")));
    this.status = status;
    this.problem = problem?.errors ? { ...problem, errors: problem.errors.map((one) => ({ ...one, why: sentence(one) })) } : (problem ?? {});
  }
}

// The answer's JSON, null for 304 and 204. *seen*: the ETag that If-Match names; *file*: a body that is no JSON.
export async function ask(method, path, body, { seen, file, held, keepalive = false } = {}) {
  for (let turn = 0; ; turn++) {
    const headers = {};
    if (method !== "GET") headers["X-CSRF-Token"] = csrf ?? (keepalive ? "" : await token());
    if (seen !== undefined) headers["If-Match"] = `"${seen}"`;
    if (held) headers["If-None-Match"] = held;
    if (file) headers["Content-Type"] = "application/octet-stream";
    else if (body !== undefined) headers["Content-Type"] = "application/json";
    const sent = { method, headers, keepalive, cache: "no-store", body: file ?? (body === undefined ? undefined : JSON.stringify(body)) };
    const answer = await fetch(API + path, sent).catch(() => null);
    if (!answer) throw new Failed(0);
    if (answer.status === 304 || answer.status === 204) return null;
    const told = await answer.json().catch(() => null);
    if (answer.ok) {
      if (told && held !== undefined) told.tag = answer.headers.get("ETag");
      return told;
    }
    if (answer.status === 401 && !path.startsWith("auth/") && !keepalive) {
      await again();
      continue;
    }
    if (told?.type === FORM_TOKEN && turn === 0 && !keepalive) {
      csrf = null;
      continue;
    }
    throw new Failed(answer.status, told);
  }
}

export const desk = (method, path, body, more) => ask(method, `desk/${path}`, body, more);

// Who is logged in: {name, email, role}; nobody's role is "".
export async function whose() {
  const told = await ask("GET", "auth/session");
  csrf = told.csrf;
  return told;
}

// What the builder answers to a question that was put by POST *path*. Throws Failed with its sentence. *stop*: an AbortSignal.
export async function question(path, body, { stop, ...more } = {}) {
  return answered(await desk("POST", path, body, more), stop);
}

// The same of a question that was put already; *put* is how it stands.
export async function answered(put, stop) {
  for (let n = 0; put.state === "waiting" || put.state === "taken"; n++) {
    await new Promise((done) => setTimeout(done, LOOK_MS[Math.min(n, LOOK_MS.length - 1)]));
    if (stop?.aborted) throw new DOMException("", "AbortError");
    put = await desk("GET", `questions/${put.id}`);
  }
  if (put.state === "failed") throw new Failed(422, { detail: put.answer.why });
  return put;
}

async function token() {
  await whose();
  return csrf;
}

async function again() {
  logging ??= logIn(async (email, password) => {
    await whose();
    await ask("POST", "auth/login", { email, password });
    await whose();
  }).finally(() => (logging = null));
  await logging;
}
