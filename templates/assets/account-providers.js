// OpenID providers: buttons for those that the API is set up with, and what a return from one says.
import { _ } from "{{ asset('words.js') }}";
import { ask } from "{{ asset('overlay-api.js') }}";

// Links that log in, for a stranger; afterwards the browser is sent to *next*.
export async function listWays(list, next) {
  const { providers } = await ask("/auth/oidc");
  list.replaceChildren(...providers.map(({ name }) => {
    const link = document.createElement("a");
    link.className = "button";
    link.href = `/api/v1/auth/oidc/${encodeURIComponent(name)}/start?next=${encodeURIComponent(next)}`;
    link.textContent = _("Log in with %(name)s", { name });
    return item(link);
  }));
}

// Buttons that join a provider to the account or part it, for who is logged in.
export async function listLinks(section) {
  const { providers } = await ask("/auth/oidc");
  section.hidden = !providers.length;
  section.querySelector("[data-links]").replaceChildren(...providers.map(({ name, linked }) => {
    const button = document.createElement("button");
    button.className = "quiet";
    button.name = linked ? "unlink" : "link";
    button.value = name;
    button.textContent = linked ? _("Log in with %(name)s no more", { name }) : _("Log in with %(name)s too", { name });
    return item(button);
  }));
}

export function outcome(word) {
  return {
    ended: _("That log-in had ended. Begin it again."),
    cancelled: _("You have not logged in there, so nothing has changed."),
    failed: _("The other site did not answer as it should. Try again, or log in with your password."),
    unverified: _("The other site has not checked your e-mail address, so it opens no account here."),
    taken: _("That log-in belongs to another account here."),
    linked: _("From now on you can log in there too."),
    password: "",
  }[word] ?? "";
}

function item(content) {
  const made = document.createElement("li");
  made.append(content);
  return made;
}
