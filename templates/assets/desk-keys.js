// The desk's keys, and the table of them that ? shows.
import { button, dialog, made } from "{{ asset('desk-dom.js') }}";
import { _ } from "{{ asset('words.js') }}";

// *deeds*: a function for each name of KEYS that this page has.
export function keys(deeds) {
  const KEYS = [
    ["/", "search", _("Search the list")], ["j", "next", _("Next in the list")], ["k", "before", _("The one before")], ["Enter", "", _("Open it")],
    ["n", "fresh", _("A new one")], ["Alt+↑ Alt+↓", "", _("Move a lecture of a batch")], ["Ctrl+S", "save", _("Save the draft now")],
    ["Ctrl+Enter", "publish", _("Publish")], ["p", "preview", _("Preview")], ["?", "help", _("These keys")], ["Esc", "", _("Close a dialog")],
  ];
  const help = () => {
    if (document.querySelector("dialog[open]")) return;
    const box = dialog(_("Keys"), made("div", {}, made("dl", {}, KEYS.map(([key, , what]) => [made("dt", {}, made("kbd", {}, key)), made("dd", {}, what)])),
      button(_("Close"), () => box.close())), { class: "keys" });
  };
  const all = { ...deeds, help };
  addEventListener("keydown", (event) => {
    const held = event.ctrlKey || event.metaKey;
    const name = held ? { s: "save", Enter: "publish" }[event.key] : KEYS.find(([key]) => key === event.key)?.[1];
    const writes = event.target.closest?.("input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]");
    if (!name || !all[name] || event.altKey || (!held && writes) || document.querySelector("dialog[open]")) return;
    event.preventDefault();
    all[name]();
  });
  const shown = document.querySelector("[data-keys]");
  shown.hidden = false;
  shown.addEventListener("click", help);
}
