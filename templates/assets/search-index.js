// Finds lectures in the files under /search/: each holds the terms that begin alike, of a segment of ids. A score is made of
// what the files of this query say, so none of them has to know the whole catalog.
import { fileOf, isPair, split } from "{{ asset('search-terms.js') }}";
import { distance } from "{{ asset('search-distance.js') }}";

const PLACES = [[1, 10], [2, 9], [4, 5], [8, 4], [16, 2]]; // bits of title, people, subject, batch, text, and what each is worth
const EXACT = 1, BEGUN = 0.6, BEGINS = 0.35, MISTYPED = [0, 0.45, 0.3];
const NEAR_FILES = 30; // looked into for a word that nothing begins with
const FORMAT = 1; // of builder/pages/search.py
const KEPT_MS = 5 * 60 * 1000; // what was asked for that long ago is asked for anew: a release may have come meanwhile

// The files are of another release than this script, which cannot read them.
export class OtherFormat extends Error {}

export class Index {
  // json: an address to a promise of what its file says, null where there is none. A file is asked for once and serves every
  // later query too, so none is given up with the query that asked for it.
  constructor(json) {
    this.json = json;
    this.files = new Map();
  }

  // Throws OtherFormat.
  async open() {
    if (this.segments && performance.now() - this.opened < KEPT_MS) return;
    this.opened = performance.now();
    this.files.clear();
    const said = await this.json("/search/files.json");
    if (said.format !== FORMAT) throw new OtherFormat();
    this.size = said.segment;
    this.hot = new Set(said.hot.split(" "));
    this.stop = new Set(said.stop.split(" "));
    this.segments = Object.entries(said.files).map(([segment, names]) => [Number(segment), new Set(names.split(" "))]);
  }

  // The lectures that a query leads to, best first: {id, score, words}, and the terms that they were found by.
  // filters: {subject, language, year}, each a slug, code or number, or "".
  async find(query, filters) {
    await this.open();
    const [words, spare] = this.#words(query);
    const sets = await Promise.all([["@", filters.subject], ["~", filters.language], ["~", filters.year]]
      .filter(([, value]) => value).map(([sign, value]) => this.#posted(`${sign}${value.toLowerCase()}`)));
    const [found, more] = await Promise.all([words.map((word, n) => this.#word(word, n === words.length - 1)), spare.map((word) => this.#exactly(word))]
      .map((asked) => Promise.all(asked)));
    const hits = new Map();
    const terms = new Set();
    for (const { lectures, near } of found) {
      for (const term of near) terms.add(term);
      const rare = 1 / Math.log2(2 + lectures.size);
      for (const [id, worth] of lectures) {
        const hit = hits.get(id) ?? { id, score: 0, words: 0 };
        hit.score += worth * (0.15 + rare);
        hit.words += 1;
        hits.set(id, hit);
      }
    }
    for (const lectures of more) {
      for (const [id, worth] of lectures) if (hits.has(id)) hits.get(id).score += worth / Math.log2(2 + lectures.size);
    }
    if (!words.length && sets.length) for (const id of sets[0].keys()) hits.set(id, { id, score: 0, words: 0 });
    const kept = [...hits.values()].filter((hit) => sets.every((set) => set.has(hit.id)));
    const most = kept.reduce((most, hit) => Math.max(most, hit.words), 0);
    const full = kept.filter((hit) => hit.words === most);
    full.sort((a, b) => b.score - a.score || b.id - a.id);
    return { hits: full, terms: [...terms], words, whole: most === words.length };
  }

  // What a filter can be set to, of the catalog's languages and years.
  async choices(name) {
    await this.open();
    const found = await Promise.all(this.segments.map(([segment, names]) => this.#file(segment, names, name)));
    return [...new Set(found.flatMap((terms) => Object.keys(terms)))].map((term) => term.slice(1)).sort();
  }

  // The words that a lecture should have, and those that only count where they stand in what has the others.
  #words(query) {
    const all = [...new Set(split(query))];
    const spare = all.filter((word, n) => this.stop.has(word) || (n && n === all.length - 1 && word.length === 1 && !isPair(word)));
    return spare.length === all.length ? [all, []] : [all.filter((word) => !spare.includes(word)), spare];
  }

  async #exactly(word) {
    const found = new Map();
    await this.#each([fileOf(word, this.hot)], (segment, terms) => {
      if (Object.hasOwn(terms, word)) for (const [id, place] of this.#read(segment, terms[word])) found.set(id, value(place));
    });
    return found;
  }

  // The lectures of one word, by what they are worth, and the terms that it may stand for.
  async #word(word, last) {
    const file = fileOf(word, this.hot);
    const lectures = new Map();
    const near = new Set();
    const take = (segment, terms, how) => {
      for (const [term, postings] of Object.entries(terms)) {
        const like = term[0] === "@" || term[0] === "~" ? 0 : how(term);
        if (!like) continue;
        near.add(term);
        for (const [id, place] of this.#read(segment, postings)) {
          const worth = like * value(place);
          if (worth > (lectures.get(id) ?? 0)) lectures.set(id, worth);
        }
      }
    };
    const begun = last ? BEGUN : BEGINS;
    const alike = (term) => term === word ? EXACT
      : word.length > 1 && !isPair(word) && term.startsWith(word) ? begun * (0.5 + (0.5 * word.length) / term.length) : 0;
    await this.#each([file], (segment, terms) => take(segment, terms, alike));
    const most = word.length < 4 || isPair(word) ? 0 : word.length < 8 ? 1 : 2;
    if (lectures.size || !most) return { lectures, near };
    const mistyped = (term) => {
      const whole = distance(word, term, most, false);
      if (whole <= most) return MISTYPED[whole];
      return last && term.length > word.length && distance(word, term, most, true) <= most ? MISTYPED[most] * 0.6 : 0;
    };
    for (const files of this.#nearby(word, file)) {
      await this.#each(files, (segment, terms) => take(segment, terms, mistyped));
      if (lectures.size) break;
    }
    return { lectures, near };
  }

  // Files in which the word may stand as it was meant, the likeliest first.
  #nearby(word, file) {
    const all = [...new Set(this.segments.flatMap(([, names]) => [...names]))];
    const beginning = (start) => all.filter((name) => name.startsWith(start));
    const [a, b, c = ""] = Array.from(word);
    if (!/^[a-z0-9]/.test(word)) return [[file], beginning(file.slice(0, 5)).slice(0, NEAR_FILES)];
    const own = new Set(beginning(a + b));
    own.add(file);
    // The first two letters swapped, one of them left out or doubled, or one typed for another.
    const slips = new Set([b + a, b + c, a + c, a + a].flatMap((start) => [fileOf(start + word.slice(2), this.hot), fileOf(start + word.slice(3), this.hot)]));
    const first = beginning(a).filter((name) => !own.has(name) && (name.length < 3 || name[2] === c || name[2] === b)).slice(0, NEAR_FILES);
    return [[...own], [...slips].filter((name) => !own.has(name)), first];
  }

  async #posted(term) {
    return new Set((await this.#exactly(term)).keys());
  }

  async #each(files, see) {
    const asked = this.segments.flatMap(([segment, names]) => files.map(async (file) => see(segment, await this.#file(segment, names, file))));
    await Promise.all(asked);
  }

  #file(segment, names, file) {
    if (!names.has(file)) return {};
    const path = `/search/${segment}/${file}.json`;
    if (!this.files.has(path)) {
      const asked = this.json(path).then((terms) => terms ?? {});
      asked.catch(() => this.files.delete(path));
      this.files.set(path, asked);
    }
    return this.files.get(path);
  }

  *#read(segment, postings) {
    let id = segment * this.size - 1;
    let step = 0;
    for (let n = 0; n < postings.length; n += 1) {
      const code = postings.charCodeAt(n);
      if (code >= 64 && code < 96) {
        id += step + 1;
        step = 0;
        yield [id, code - 64];
      } else step = step * 36 + (code < 58 ? code - 48 : code - 87);
    }
  }
}

function value(place) {
  let best = 0;
  let sum = 0;
  for (const [bit, worth] of PLACES) {
    if (!(place & bit)) continue;
    best = Math.max(best, worth);
    sum += worth;
  }
  return best + 0.2 * (sum - best);
}

// The first of the hits again, now that it is known what they are called: the more of a title was asked for, the better.
// facts: by id.
export function ranked(hits, facts, terms) {
  const asked = new Set(terms);
  const closeness = (hit) => {
    const title = split(facts.get(hit.id).title);
    return title.filter((term) => asked.has(term)).length / Math.max(title.length, 3);
  };
  return hits.filter((hit) => facts.has(hit.id)).map((hit) => ({ ...hit, score: hit.score * (1 + closeness(hit)) }))
    .sort((a, b) => b.words - a.words || b.score - a.score || b.id - a.id);
}
