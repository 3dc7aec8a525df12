// Logs in over the page that one is on: nothing of it is lost.
import { button, dialog, made } from "{{ asset('desk-dom.js') }}";
import { _ } from "{{ asset('words.js') }}";

// Resolves once *send*, called with address and password, has held.
export function logIn(send) {
  return new Promise((done) => {
    const email = made("input", { id: "login-email", type: "email", autocomplete: "username", required: true });
    const password = made("input", { id: "login-password", type: "password", autocomplete: "current-password", required: true });
    const why = made("p", { class: "error", role: "alert" });
    const form = made("form", { method: "post", novalidate: true },
      made("p", {}, _("You are not logged in, or not any more. Log in as an editor: you go on where you were, and nothing that you typed is lost.")),
      why,
      made("div", { class: "field" }, made("label", { for: email.id }, _("E-mail address")), email),
      made("div", { class: "field" }, made("label", { for: password.id }, _("Password")), password),
      made("div", { class: "deeds" }, made("button", { class: "strong" }, _("Log in")),
        button(_("Leave the desk"), () => location.assign("/"))));
    const box = dialog(_("Log in"), form);
    box.addEventListener("cancel", (event) => event.preventDefault());
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      try {
        await send(email.value, password.value);
        box.close();
        done();
      } catch (error) {
        why.textContent = error.message;
        password.focus();
      }
    });
    email.focus();
  });
}
