// Asks the site's own search, as the browser runs it, and says what it found and what it loaded. On stdin a line a question, JSON:
// {"fold": [texts]}: each text's terms, and their files; {"find": [queries]}, each a text or {q, subject, language, year}: the ids of
// the first twenty, and milliseconds, files and bytes as sent (gzip).  usage: node ask.mjs FOLDER (of the built site)
import { readFileSync, readdirSync, writeFileSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { pathToFileURL } from "node:url";
import { gunzipSync } from "node:zlib";

const site = process.argv[2];
const own = mkdtempSync(join(tmpdir(), "lectern-search-"));
const names = {};
for (const name of readdirSync(join(site, "assets")).filter((name) => name.startsWith("search-"))) {
  names[name.split(".")[0]] = name.replace(/js$/, "mjs");
  writeFileSync(join(own, names[name.split(".")[0]]), readFileSync(join(site, "assets", name), "utf8").replace(/"\/assets\/(.*?)\.js"/g, '"./$1.mjs"'));
}
const { Index, ranked } = await import(pathToFileURL(join(own, names["search-index"])));
const { split, fileOf } = await import(pathToFileURL(join(own, names["search-terms"])));

let loaded = [];
const json = async (path) => {
  const body = readFileSync(join(site, `${path}.gz`));
  loaded.push(body.length);
  return JSON.parse(gunzipSync(body));
};
const index = () => new Index(json);
const hot = new Set((await json("/search/files.json")).hot.split(" "));

for (const line of readFileSync(0, "utf8").split("\n").filter(Boolean)) {
  const question = JSON.parse(line);
  if (question.fold) console.log(JSON.stringify(question.fold.map((text) => split(text).map((term) => [term, fileOf(term, hot)]))));
  else console.log(JSON.stringify(await answers(question.find)));
}

async function answers(queries) {
  const found = [];
  for (const query of queries) {
    const { q, ...filters } = typeof query === "string" ? { q: query } : query;
    loaded = [];
    const begun = performance.now();
    const { hits, terms, whole } = await index().find(q, filters);
    const facts = new Map();
    for (const { id } of hits.slice(0, 20)) facts.set(id, await json(`/data/video/${id}.json`));
    const ids = ranked(hits.slice(0, 20), facts, terms).map((hit) => hit.id);
    found.push({ ids, all: hits.length, whole, ms: performance.now() - begun, files: loaded.length, bytes: loaded.reduce((sum, n) => sum + n, 0) });
  }
  return found;
}
