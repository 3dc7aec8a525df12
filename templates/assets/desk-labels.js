// What kinds, fields, states and steps are called, and how moments, lengths and numbers are written.
import { _, ngettext } from "{{ asset('words.js') }}";

const tongue = document.documentElement.lang;

export const KINDS = { video: _("Lecture"), batch: _("Batch"), course: _("Course"), subject: _("Subject"), instructor: _("Instructor") };

export const FIELDS = {
  slug: _("Address"), title: _("Title"), description: _("Description"), description_markup: _("Written in"), course: _("Course"),
  url: _("Website"), starts_on: _("First day"), ends_on: _("Last day"), gated: _("Only for enrolled students"), videos: _("Order of lectures"),
  batch: _("Batch"), language: _("Spoken language"), duration_s: _("Length"), recorded_on: _("Recorded on"), status: _("Status"),
  publish_at: _("To be published at"), licence: _("Licence"), picture_url: _("Picture"), subjects: _("Subjects"),
  instructors: _("Instructors"), sources: _("Recordings"), resources: _("Resources"), captions: _("Captions"), into: _("Merged into"),
};

export const STATES = {
  draft: _("draft"), scheduled: _("scheduled"), published: _("published"), withdrawn: _("withdrawn"), waiting: _("waiting"),
  aside: _("set aside"), live: _("live"), writing: _("being written"), superseded: _("superseded"),
};

export const STEPS = {
  committed: _("Committed"), planned: _("Planned"), rendered: _("Rendered"), uploaded: _("Uploaded"), purged: _("Purged"),
  seen: _("Seen at the edge"),
};

export const DEEDS = { create: _("made"), change: _("changed"), merge: _("merged"), delete: _("deleted") };

const moments = new Intl.DateTimeFormat(tongue, { dateStyle: "medium", timeStyle: "short" });
const zones = new Intl.DateTimeFormat(tongue, { timeZoneName: "short" });
const numbers = new Intl.NumberFormat(tongue);
const tenths = new Intl.NumberFormat(tongue, { maximumFractionDigits: 2 });

export const number = (n) => numbers.format(n);
export const seconds = (s) => _("%(n)s s", { n: tenths.format(s) });
export const pages = (n) => ngettext("%(n)s page", "%(n)s pages", n);

// The name of this browser's zone at a moment, which is another in summer.
export const zone = (date = new Date()) => zones.formatToParts(date).find((part) => part.type === "timeZoneName").value;

// A moment in this browser's zone, which it names.
export function moment(iso) {
  const date = new Date(iso);
  return Number.isNaN(date.getTime()) ? String(iso ?? "") : `${moments.format(date)} ${zone(date)}`;
}

// 1:02:03 of seconds, and back; NaN for what is no length.
export function clock(s) {
  if (!s) return "";
  const two = (n) => String(n).padStart(2, "0");
  const [h, m] = [Math.floor(s / 3600), Math.floor(s / 60) % 60];
  return h ? `${h}:${two(m)}:${two(s % 60)}` : `${m}:${two(s % 60)}`;
}

export function length(text) {
  const parts = text.trim().split(":");
  if (!parts.every((part) => /^\d{1,5}$/.test(part)) || parts.length > 3) return NaN;
  return parts.reduce((sum, part) => sum * 60 + Number(part), 0);
}

// A field's value as a person reads it; *names* tells what ids mean.
export function shown(field, value, names = {}) {
  if (value === null || value === undefined || value === "" || (Array.isArray(value) && !value.length)) return "–";
  if (field === "duration_s") return clock(value);
  if (field === "status") return STATES[value] ?? String(value);
  if (field === "publish_at") return moment(value);
  if (typeof value === "boolean") return value ? _("yes") : _("no");
  const kind = { course: "course", batch: "batch", subjects: "subject", instructors: "instructor", videos: "video" }[field];
  if (kind) return [value].flat().map((id) => names[`${kind}:${id}`] ?? `#${id}`).join(field === "videos" ? "\n" : ", ");
  if (field === "sources") return value.map((one) => one.url).join("\n");
  if (field === "resources") return value.map((one) => `${one.label} ${one.url}`).join("\n");
  if (field === "captions") return value.map((one) => `${one.language} (${one.kind})\n${one.body.slice(0, 2000)}`).join("\n");
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}
