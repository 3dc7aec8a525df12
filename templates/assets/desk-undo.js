// Takes back what was published: several edits, or all that came with a file, the newest first.
import { desk } from "{{ asset('desk-api.js') }}";
import { ngettext } from "{{ asset('words.js') }}";

const AT_ONCE = 100; // in one transaction, which is also what one page of the history holds

// *named*: [{ id, etag }], the newest first. What it did is as the answer to a publish.
export async function takeBack(named) {
  const back = { edits: [], change: null };
  for (let n = 0; n < named.length; n += AT_ONCE) add(back, await desk("POST", "undo", { edits: named.slice(n, n + AT_ONCE) }));
  return back;
}

// All that the import *id* changed. What was changed since stays, and is said.
export async function takeBackFile(id) {
  const back = { edits: [], change: null };
  let left = 0;
  let after = "";
  do {
    const told = await desk("GET", `history?imported=${id}&limit=${AT_ONCE}${after && `&after=${encodeURIComponent(after)}`}`);
    const named = told.entries.filter((one) => one.can_undo && !one.undone_by).map((one) => ({ id: one.id, etag: one.etag }));
    left += told.entries.filter((one) => !one.can_undo && !one.undone_by).length;
    if (named.length) add(back, await desk("POST", "undo", { edits: named }));
    after = told.next ?? "";
  } while (after);
  return { ...back, note: left ? ngettext("%(n)s was changed since, and stays as it is.", "%(n)s were changed since, and stay as they are.", left) : "" };
}

function add(back, told) {
  back.edits.push(...told.edits);
  back.change = told.change ?? back.change;
}
