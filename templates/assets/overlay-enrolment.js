// On a batch's page: a button that enrols and one that leaves, in the place of what the page says to who is not logged in.
import { _ } from "{{ asset('words.js') }}";
import { ask } from "{{ asset('overlay-api.js') }}";
import { element } from "{{ asset('overlay-marks.js') }}";

const ONLY_AN_EDITOR = _("An editor enrols who may watch this batch.");

// Draws whether the student is in *batch*. Returns what takes it out again.
export function enrolment(batch, isIn) {
  const place = document.querySelector(".enrol");
  if (!place) return [];
  const gated = "gated" in place.dataset;
  const box = element("span", "mine");
  const words = element("span");
  const button = element("button", "quiet");
  words.setAttribute("role", "status");
  button.type = "button";
  let warned = !gated;
  const show = (trouble = "") => {
    words.textContent = trouble || (isIn ? _("You are enrolled.") : gated ? ONLY_AN_EDITOR : "");
    words.className = trouble ? "trouble" : "";
    button.textContent = isIn ? _("Leave this batch") : _("Enrol in this batch");
    button.hidden = gated && !isIn;
  };
  button.addEventListener("click", async () => {
    if (button.getAttribute("aria-disabled") === "true") return; // it is under way
    if (isIn && !warned) return void (warned = true, show(_("Only an editor can enrol you again. To leave all the same, press the button once more.")));
    button.setAttribute("aria-disabled", "true");
    try {
      await ask(`/me/enrolments/${batch}`, { method: isIn ? "DELETE" : "PUT" });
      isIn = !isIn;
      show();
    } catch (error) {
      show(why(error));
    }
    button.removeAttribute("aria-disabled");
  });
  show();
  box.append(words, button);
  place.hidden = true;
  place.after(box);
  return [{ remove: () => Object.assign(place, { hidden: false }) && box.remove() }];
}

function why({ status }) {
  if (status === 403) return ONLY_AN_EDITOR; // since this page was made
  if (status === 409) return _("You are in as many batches as one may be: leave one first.");
  return _("That could not be saved now. Try again in a minute.");
}
