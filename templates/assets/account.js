// The account's pages: who is here, what they may do, and the forms' ways to the API.
import { _ } from "{{ asset('words.js') }}";
import { ask } from "{{ asset('overlay-api.js') }}";
import { onSend, show, told } from "{{ asset('account-form.js') }}";
import { listSessions } from "{{ asset('account-sessions.js') }}";
import { listLinks, listWays, outcome } from "{{ asset('account-providers.js') }}";
import { tell } from "{{ asset('overlay-sync.js') }}";
import { forget } from "{{ asset('overlay-session.js') }}";

// A mail's secret leaves the address bar, and so the history, at once; it stays in this page alone.
const secret = location.hash.slice(1);
const query = new URLSearchParams(location.search);
history.replaceState(null, "", location.pathname + (query.has("next") ? `?next=${encodeURIComponent(query.get("next"))}` : ""));

const top = document.querySelector(".account");
const name = top.dataset.page;
const notice = top.querySelector(".notice[role=status]");
const post = (path, body = {}) => ask(`/auth/${path}`, { method: "POST", body, retry: false });

const DEEDS = {
  login: async ({ email, password }) => go(await post("login", { email, password })),
  answer: async ({ known_password: password }) => go(await post("oidc/answer", { question: secret, password })),
  register: async ({ name, email, password }) => asked(await post("register", { name, email, password })),
  confirm: async ({ password }) => go(await post("register/confirm", { token: secret, password })),
  reset: async ({ email }) => asked(await post("reset", { email })),
  password: async ({ password }) => {
    await post("reset/confirm", { token: secret, password });
    await forget(); // every session has ended, this browser's too
    say(_("Your new password is set. Log in with it."), "/account/");
  },
  email: async () => {
    await post("email/confirm", { token: secret });
    say(_("Your account has its new address."), "/account/");
  },
  "change-password": async ({ password = "", new_password }, button) => {
    await post("password", { password, new_password });
    button.form.reset();
    say(_("Your password is changed, and every other browser is logged out."));
  },
  "change-email": async ({ email, email_password: password = "" }) => asked(await post("email", { email, password })),
  link: async ({ link_password: password = "" }, button) => {
    const answer = await post(`oidc/${encodeURIComponent(button.value)}/${button.name}`, { password });
    if (answer?.location) location.assign(answer.location);
    else location.reload();
  },
  forget: async () => {
    await ask("/me/history", { method: "DELETE" });
    localStorage.removeItem("lectern.mine");
    say(_("All places and ticks are forgotten."));
  },
  delete: async ({ password = "" }) => {
    await post("delete", { password });
    await forget();
    say(_("Your account and all that was kept of you is deleted."), "/");
  },
};
const CLICKS = { logout: () => leave("logout"), "logout-everywhere": () => leave("logout-everywhere") };

for (const form of top.querySelectorAll("form")) onSend(form, DEEDS[form.dataset.do]);
for (const button of top.querySelectorAll("button[type=button][data-do]")) {
  button.addEventListener("click", () => CLICKS[button.dataset.do]().catch((error) => show(null, told(null, error))));
}
// What a page about one student showed is gone before a browser puts it aside, and asked anew when it comes back.
addEventListener("pagehide", () => reveal());
addEventListener("pageshow", (event) => event.persisted && location.reload());

open().catch((error) => show(null, told(null, error)));

async function open() {
  if (["confirm", "password", "email"].includes(name)) return reveal(secret ? "secret" : "lost");
  if (["register", "reset"].includes(name)) return reveal("anybody");
  if (query.has("login")) notice.textContent = outcome(query.get("login"));
  notice.hidden = !notice.textContent;
  if (query.get("login") === "password" && secret) return reveal("question");
  const { account } = await ask("/auth/session");
  if (!account) {
    reveal(name === "own" ? "stranger" : "nobody");
    top.querySelector("[data-for=nobody] a").search = `?next=${encodeURIComponent(location.pathname)}`;
    if (name === "own") await listWays(top.querySelector("[data-ways]"), nextPath());
    return;
  }
  for (const field of top.querySelectorAll("[data-name]")) field.textContent = account.name ? `${account.name} (${account.email})` : account.email;
  for (const field of top.querySelectorAll("[data-email]")) field[field.tagName === "INPUT" ? "value" : "textContent"] = account.email;
  for (const part of top.querySelectorAll("[data-has-password]")) {
    part.hidden = !account.has_password;
    for (const input of part.querySelectorAll("input")) input.disabled = !account.has_password;
  }
  reveal("student");
  if (name === "sessions") await listSessions(top.querySelector(".sessions"), left);
  if (name === "settings") await listLinks(top.querySelector("[data-linking]"));
  if (["kept", "history"].includes(name)) {
    const { listLectures } = await import("{{ asset('account-lectures.js') }}");
    await listLectures(name, top.querySelector("[data-lectures]"), (error) => show(null, told(null, error)));
  }
}

// Shows the parts that are for *whom*, and no other; without it none.
function reveal(...whom) {
  for (const part of top.querySelectorAll("[data-for]")) part.hidden = !whom.includes(part.dataset.for);
  if (!whom.length) for (const field of top.querySelectorAll("[data-name], bdi[data-email], .sessions, .lectures")) field.replaceChildren();
}

// A mail is on its way.
function asked() {
  reveal();
  say(_("Look into your mail: what comes next stands there."));
}

// *where*: what there is to do next.
function say(text, where) {
  notice.textContent = text;
  if (where) {
    reveal();
    const link = document.createElement("a");
    link.href = where;
    link.textContent = _("Go on");
    notice.append(" ", link);
  }
  notice.hidden = false;
  notice.tabIndex = -1;
  notice.focus();
}

function go() {
  location.replace(nextPath());
}

// Where the student came from: a path of this site, never another's.
function nextPath() {
  const wanted = query.get("next") ?? "/account/";
  const url = /^\/(?![/\\])/.test(wanted) ? new URL(wanted, location.origin) : null;
  return url?.origin === location.origin ? url.pathname + url.search : "/account/";
}

async function leave(how) {
  if (how === "logout") await tell(); // what this browser alone knows yet
  await post(how);
  await left();
}

async function left() {
  await forget();
  location.replace("/account/");
}
