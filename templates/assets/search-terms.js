// What is typed, as terms: the rules of builder/catalog/terms.py, to the letter; a test holds the two together.
const SEPARATORS =
  "\\u0000-\\u002f\\u003a-\\u0060\\u007b-\\u00a9\\u00ab-\\u00b1\\u00b4\\u00b6-\\u00b8\\u00bb\\u00bf\\u00d7\\u00f7\\u02c2-\\u02df\\u037e\\u0387\\u055a-\\u055f\\u0589-\\u058a\\u05be\\u05c0\\u05c3\\u05f3-\\u05f4\\u060c-\\u060d\\u061b-\\u061f\\u066a-\\u066d\\u06d4\\u0964-\\u0965\\u0e2f\\u0e4f\\u0e5a-\\u0e5b\\u104a-\\u104f\\u17d4-\\u17da\\u2000-\\u200b\\u200e-\\u206f\\u20a0-\\u20cf\\u2190-\\u2bff\\u2e00-\\u2e7f\\u3000-\\u3004\\u3008-\\u3020\\u3030\\u303d\\u30a0\\u30fb\\ud800-\\uf8ff\\ufe10-\\ufe6f\\uff00-\\uff0f\\uff1a-\\uff20\\uff3b-\\uff40\\uff5b-\\uff65\\ufff0-\\uffff\\u{1f000}-\\u{1faff}";
const SPACELESS =
  "\\u0e01-\\u0e2e\\u0e30-\\u0e4e\\u0e80-\\u0eff\\u1000-\\u1049\\u1050-\\u109f\\u1780-\\u17d3\\u17dc-\\u17ff\\u2e80-\\u2fdf\\u3005-\\u3007\\u3021-\\u302f\\u3040-\\u309f\\u30a1-\\u30fa\\u30fc-\\u30ff\\u31f0-\\u31ff\\u3400-\\u4dbf\\u4e00-\\u9fff\\uf900-\\ufaff\\u{20000}-\\u{3ffff}";
const IGNORED = /[\u00ad\u034f\u200b\u2060\ufe00-\ufe0f\ufeff'\u2018\u2019\u02bc]/g;
const MARKS = /([a-z\u00df-\u024f\u0370-\u03ff\u0400-\u052f])[\u0300-\u036f]+/gu;
const LETTERS = { ß: "ss", æ: "ae", œ: "oe", ø: "o", đ: "d", ð: "d", þ: "th", ł: "l", ħ: "h", ŧ: "t", ı: "i", ŋ: "n", ς: "σ" };
const LETTER = new RegExp(`[${Object.keys(LETTERS).join("")}]`, "g");
const RUNS = new RegExp(`[${SPACELESS}]+|[^${SEPARATORS}${SPACELESS}]+`, "gu");
const SPACELESS_FIRST = new RegExp(`^[${SPACELESS}]`, "u");
const JOINERS = /^[\u200c\u200d]+|[\u200c\u200d]+$/g;
const TERM_LETTERS = 24;

export function fold(text) {
  const plain = text.toLowerCase().normalize("NFKC").toLowerCase().normalize("NFKC").replace(IGNORED, "").normalize("NFD")
    .replace(MARKS, "$1").normalize("NFC").replace(LETTER, (letter) => LETTERS[letter]);
  return plain.replace(/([a-z0-9])\+\+/g, "$1plusplus").replace(/([a-z0-9])#/g, "$1sharp");
}

export function split(text) {
  const found = [];
  for (const [run] of fold(text).matchAll(RUNS)) {
    const letters = Array.from(run);
    const term = letters.slice(0, TERM_LETTERS).join("").replace(JOINERS, "");
    if (!SPACELESS_FIRST.test(run)) found.push(...(term ? [term] : []));
    else for (let n = 0; n < Math.max(letters.length - 1, 1); n += 1) found.push(letters.slice(n, n + 2).join(""));
  }
  return found;
}

// The name of the file that holds a term; hot: the pairs of letters that the third one parts.
export function fileOf(term, hot) {
  if (term.startsWith("~")) return /[0-9]/.test(term[1]) ? "year" : "language";
  const [first, second] = Array.from(term.replace(/^@/, ""), (letter) => letter.codePointAt(0));
  if (first < 128) {
    const [key] = /^[a-z0-9]{0,3}/.exec(term.replace(/^@/, ""));
    return hot.has(key.slice(0, 2)) ? key : key.slice(0, 2);
  }
  if (first < 0x2e80) return `u${hex(first, 4)}${hex(second < 0x2e80 ? second : 0, 4)}`;
  return `u${hex(first < 0x3100 ? first : (first >> 8) << 8, 5)}`;
}

export const isPair = (term) => SPACELESS_FIRST.test(term);

const hex = (number, digits) => number.toString(16).padStart(digits, "0");
