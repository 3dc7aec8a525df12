// Where a student is logged in: one line a browser, and a way to log it out.
import { _ } from "{{ asset('words.js') }}";
import { ask } from "{{ asset('overlay-api.js') }}";
import { sentence } from "{{ asset('problems.js') }}";

const BROWSERS = [["Edg", "Edge"], ["OPR", "Opera"], ["SamsungBrowser", "Samsung Internet"], ["Firefox", "Firefox"], ["Chrome", "Chrome"], ["Safari", "Safari"]];
const SYSTEMS = [["Android", "Android"], ["iPhone", "iPhone"], ["iPad", "iPad"], ["Windows", "Windows"], ["Mac OS X", "macOS"], ["CrOS", "ChromeOS"], ["Linux", "Linux"]];

// Fills *list*. *left* is called when this browser's own session was ended.
export async function listSessions(list, left) {
  const { sessions } = await ask("/auth/sessions");
  list.replaceChildren(...sessions.map((session) => row(session, left)));
}

function row(session, left) {
  const item = document.createElement("li");
  const what = document.createElement("strong");
  const when = document.createElement("span");
  const button = document.createElement("button");
  what.textContent = session.this ? _("This browser: %(agent)s", { agent: nameOf(session.agent) }) : nameOf(session.agent);
  when.textContent = _("since %(from)s, last seen %(seen)s", { from: day(session.created_at), seen: day(session.seen_at) });
  button.type = "button";
  button.className = "quiet";
  button.textContent = _("Log out");
  button.setAttribute("aria-label", _("Log out: %(agent)s", { agent: what.textContent }));
  button.addEventListener("click", async () => {
    try {
      await ask(`/auth/sessions/${encodeURIComponent(session.tag)}`, { method: "DELETE" });
    } catch (error) {
      if (error.status !== 404) return void (when.textContent = error.problem?.detail ? sentence(error.problem) : _("The server does not answer now. Try again in a minute."));
    }
    if (session.this) return left();
    item.remove();
  });
  item.append(what, when, button);
  return item;
}

function nameOf(agent) {
  const find = (names) => names.find(([sign]) => agent.includes(sign))?.[1];
  const [browser, system] = [find(BROWSERS), find(SYSTEMS)];
  return browser && system ? _("%(browser)s on %(system)s", { browser, system }) : (browser ?? system ?? (agent.slice(0, 60) || _("An unknown browser")));
}

function day(text) {
  return new Date(text).toLocaleString(document.documentElement.lang, { dateStyle: "medium", timeStyle: "short" });
}
