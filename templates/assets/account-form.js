// A form that says what is wrong where it is wrong: at the top, with the focus, and beside each field. What was typed stays.
import { sentence } from "{{ asset('problems.js') }}";
import { _ } from "{{ asset('words.js') }}";

// Calls *send* with the form's values when it is sent. *send* throws what `ask` throws.
export function onSend(form, send) {
  form.noValidate = true; // the browser's own bubbles vanish, and stand in another language
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = event.submitter ?? form.querySelector("button");
    if (button.getAttribute("aria-disabled") === "true") return; // it is under way
    clear(form);
    const wrong = missing(form);
    if (wrong.length) return show(form, wrong);
    button.setAttribute("aria-disabled", "true");
    try {
      await send(Object.fromEntries(new FormData(form)), button);
    } catch (error) {
      show(form, told(form, error));
    } finally {
      button.removeAttribute("aria-disabled");
    }
  });
}

// At the top of the page, for what is no form's: [{field: "" or a field's id, why}].
export function show(form, problems) {
  const box = document.querySelector(".account > .errors");
  const list = document.createElement("ul");
  for (const { field, why } of problems) {
    const item = document.createElement("li");
    const input = field && form?.querySelector(`#${CSS.escape(field)}`);
    if (input) {
      const link = document.createElement("a");
      link.href = `#${field}`;
      link.textContent = why;
      link.addEventListener("click", (event) => (event.preventDefault(), input.focus()));
      item.append(link);
      beside(input, why);
    } else item.textContent = why;
    list.append(item);
  }
  const title = document.createElement("h2");
  title.textContent = _("There is a problem");
  box.replaceChildren(title, list);
  box.hidden = false;
  box.focus();
}

export function clear(form) {
  const box = document.querySelector(".account > .errors");
  box.hidden = true;
  box.replaceChildren();
  for (const words of form.querySelectorAll(".error")) words.remove();
  for (const input of form.querySelectorAll("[aria-invalid]")) {
    input.removeAttribute("aria-invalid");
    describe(input);
  }
}

// What the API's problem says, field by field.
export function told(form, error) {
  const { errors, detail } = error.problem ?? {};
  if (!("status" in error)) throw error; // a fault of ours
  if (error.status === 0 || error.status >= 500) return [{ field: "", why: _("The server does not answer now. What you typed is still here; try again in a minute.") }];
  if (errors?.length) return errors.map((one) => ({ field: idOf(form, one.field), why: sentence(one) }));
  return [{ field: "", why: detail ? sentence(error.problem) : _("That did not work.") }];
}

function missing(form) {
  return [...form.querySelectorAll("input[required]")].filter((input) => !input.value && input.offsetParent).map((input) => (
    { field: input.id, why: _("Fill in: %(label)s", { label: input.labels[0].textContent }) }));
}

// The API's name of a field, as the form's: a page with two passwords tells them apart by their beginning.
function idOf(form, field) {
  return [...form.elements].find((input) => input.name === field || input.name.endsWith(`_${field}`))?.id ?? "";
}

function beside(input, why) {
  const words = document.createElement("p");
  words.className = "error";
  words.id = `${input.id}-error`;
  words.textContent = why;
  input.before(words);
  input.setAttribute("aria-invalid", "true");
  describe(input);
}

function describe(input) {
  const ids = [`${input.id}-hint`, `${input.id}-error`].filter((id) => document.getElementById(id));
  if (ids.length) input.setAttribute("aria-describedby", ids.join(" "));
  else input.removeAttribute("aria-describedby");
}
