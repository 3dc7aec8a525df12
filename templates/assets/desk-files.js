// The catalog as a file: a dry run of an upload with its differences, the import, the export.
import { question } from "{{ asset('desk-api.js') }}";
import { button, made, said } from "{{ asset('desk-dom.js') }}";
import { FIELDS, KINDS, number, shown } from "{{ asset('desk-labels.js') }}";
import { follow } from "{{ asset('desk-release.js') }}";
import { done } from "{{ asset('desk-result.js') }}";
import { takeBackFile } from "{{ asset('desk-undo.js') }}";
import { _, ngettext } from "{{ asset('words.js') }}";

const MOST_BYTES = 16 * 1024 * 1024;
const OUTCOMES = { added: _("new"), changed: _("changed"), unchanged: _("as they are"), refused: _("refused"), kept: _("kept as edited here") };

export function files(place) {
  const input = made("input", { id: "file", type: "file", accept: ".csv,.jsonl,.ndjson" });
  const told = made("div", { class: "told", role: "status" });
  const result = made("div", { class: "result" });
  const dry = button(_("Try it"), run, { class: "strong" });
  const out = made("div", { role: "status" });
  place.replaceChildren(
    made("section", { class: "part" }, made("h2", {}, _("Bring in a file")),
      made("p", {}, _("CSV or JSON Lines in Lectern's own format. First it is only tried: you see what it would do, and nothing is done.")),
      made("div", { class: "field" }, made("label", { for: "file" }, _("File")), input), made("div", { class: "deeds" }, dry), told, result),
    made("section", { class: "part" }, made("h2", {}, _("Take the catalog with you")),
      made("p", {}, _("The whole catalog as one file, which can be brought in again without a change.")),
      made("div", { class: "deeds" }, button(_("Export as CSV"), () => take("csv")), button(_("Export as JSON Lines"), () => take("jsonl"))), out));

  async function run() {
    const [file] = input.files;
    if (!file) return input.focus();
    if (file.size > MOST_BYTES) return told.replaceChildren(made("p", { class: "error" }, _("It is larger than 16 MB: use the command `import`.")));
    result.replaceChildren();
    told.replaceChildren(made("p", {}, _("Trying it …")));
    await asked(async () => {
      const put = await question(`imports?name=${encodeURIComponent(file.name)}`, undefined, { file });
      dry.classList.remove("strong");
      show(put.answer, true);
      told.append(made("div", { class: "deeds" }, button(_("Import the good rows"), () => asked(async () => {
        told.replaceChildren(made("p", {}, _("Importing …")));
        const did = await question(`imports/${put.id}/run`, undefined, { seen: put.etag });
        show(did.answer, false);
        dry.classList.add("strong");
        if (did.answer.edits) came(did);
      }), { class: "strong" })));
    });
  }

  // The way of what came in, and how to take it back.
  function came({ id, answer: { change } }) {
    const way = made("div", {});
    const why = made("p", { class: "error", role: "alert" });
    const undo = button(_("Undo the import"), async () => {
      undo.disabled = true;
      try {
        again(await takeBackFile(id));
      } catch (error) {
        why.textContent = error.message;
        undo.disabled = false;
      }
    }, { class: "undo" });
    const again = (back) => done(result, back, again);
    result.replaceChildren(made("div", { class: "deeds" }, undo), why, way);
    if (change !== null) follow(way, `ways/${change}`);
  }

  async function asked(deed) {
    try {
      await deed();
    } catch (error) {
      told.replaceChildren(made("p", { class: "error" }, error.message));
    }
  }

  function show(answer, isTrial) {
    const sums = Object.entries(answer.videos).filter(([, n]) => n).map(([what, n]) => `${number(n)} ${OUTCOMES[what] ?? what}`).join(", ");
    told.replaceChildren(...[
      made("h3", {}, isTrial ? _("What it would do") : _("Done")),
      made("p", { class: "reach" }, sums ? _("Lectures: %(sums)s", { sums }) : _("No lectures in it.")),
      answer.problems_in_all > 0 && made("div", { class: "warning" }, made("h4", {}, ngettext("%(n)s problem", "%(n)s problems", answer.problems_in_all)),
        made("ul", {}, answer.problems.slice(0, 100).map((one) => made("li", {}, problem(one))))),
      answer.refused && made("p", {}, made("a", { href: answer.refused, download: "" }, _("The refused rows as a file")), " ", _("Mend them there and bring the file in again: nothing of it is lost.")),
      answer.things.length > 0 && made("details", {}, made("summary", {}, ngettext("%(n)s difference", "%(n)s differences", answer.things.length)),
        made("ul", { class: "history" }, answer.things.map((one) => made("li", {}, made("details", {},
          made("summary", {}, KINDS[one.kind] ?? one.kind, " ", said(one.title), " ", made("span", { class: "hint" }, OUTCOMES[one.what] ?? one.what)),
          made("dl", { class: "diff" }, one.fields.map((two) => [made("dt", {}, FIELDS[two.field] ?? two.field),
            made("dd", {}, made("del", { dir: "auto" }, shown(two.field, two.before)), made("ins", { dir: "auto" }, shown(two.field, two.after)))]))))))),
    ].filter(Boolean));
  }

  async function take(format) {
    out.replaceChildren(made("p", {}, _("Writing the file …")));
    try {
      const { answer } = await question("exports", { format });
      const there = made("a", { href: answer.file, download: "", class: "go" }, _("Download"));
      out.replaceChildren(made("p", {}, there, " ", ngettext("%(n)s lecture", "%(n)s lectures", answer.videos), ", ", number(Math.ceil(answer.bytes / 1024)), " KB"));
      there.focus();
    } catch (error) {
      out.replaceChildren(made("p", { class: "error" }, error.message));
    }
  }
}

// Where, what, and why, as the importer says it.
function problem(one) {
  const where = one.line === null ? one.file : _("line %(line)s", { line: one.line });
  return [where, FIELDS[one.field] ?? one.field, one.value && `“${one.value}”`, `${OUTCOMES[one.done] ?? one.done}: ${one.why}`].filter(Boolean).join(" · ");
}
