// What the API's problems say in the site's language, by their type: docs/problems.md lists them all. What has no sentence here is
// told in the API's own words.
import { _ } from "{{ asset('words.js') }}";

const SENTENCES = {
  "cross-site": _("This was asked from another site, or by a browser that does not say from where."),
  "signed-out": _("You are not logged in any more. Log in, then try again."),
  "account-gone": _("This account is no more."),
  "role-needed": _("Your account may not do this."),
  "too-many-requests": _("That was too much for now: wait some minutes, then go on."),
  "too-many-attempts": _("Too many attempts have failed: wait some minutes, then go on."),

  "login-wrong": _("The address or the password is wrong."),
  "password-wrong": _("The password is wrong."),
  "registration-password-wrong": _("This is not the password that the registration was made with."),
  "proof-too-old": _("Log in again at your provider first: this account has no password to ask for."),
  "link-ended": _("This link was used, or its time has passed: ask for a new one."),
  "address-taken": _("This address has an account by now: log in."),
  "no-session": _("You have no such session."),
  "no-provider": _("There is no such provider."),
  "provider-login-ended": _("This took too long: begin anew."),
  "provider-taken": _("This log-in at your provider opens another account here."),
  "provider-needed": _("This provider is not linked, or is the only way into your account: set a password first."),
  "no-email": _("This is no e-mail address."),
  "password-short": _("A password has at least %(limit)s letters."),
  "password-long": _("A password has at most %(limit)s letters."),
  "password-common": _("This is one of the passwords that are tried first: choose another."),
  "password-obvious": _("A password must not be your address or this site's name: choose another."),

  "no-video": _("There is no such video."),
  "no-batch": _("There is no such batch."),
  "no-note": _("You have no such note."),
  "bookmarks-full": _("You keep %(limit)s videos already: take one away first."),
  "notes-full": _("You have %(limit)s notes in this video already: take one away first."),

  "changed-meanwhile": _("Somebody else changed this meanwhile: look at it again."),
  "no-thing": _("It is not there any more."),
  "no-edit": _("There is no such edit."),
  "edits-full": _("You have %(limit)s edits open: publish or discard some first."),
  "edit-open": _("You have an edit of this open already: go on with that one."),
  "edit-closed": _("This edit is published or discarded already."),
  "not-published": _("This edit is not published: there is nothing to take back."),
  "slug-taken": _("Another one has this slug already: choose another."),
  "others-hang-on-it": _("%(count)s others hang on this: move, merge or withdraw them first."),
  "builder-busy": _("Too much is asked of the builder already: wait for an answer, then ask again."),
  "no-question": _("There is no such question (any more): ask again."),
  "dry-run-waits": _("The dry run has not been answered: wait for it, or upload the file again."),
  "no-change": _("This change is not known: it is over since long, or never was."),
  "no-release": _("There is no such release."),

  "too-long": _("It is longer than %(limit)s bytes."),
  "needed": _("This is needed."),
  "not-a-line": _("It holds a line break, a control character or a mark that turns text round: write it anew."),
  "no-url": _("Write an address that begins with https:// or http://, without spaces."),
  "no-language": _("Write a language's code, such as en, hi or pt-BR."),
  "no-day": _("Write a day as 2026-09-01."),
  "no-moment": _("Write a moment with its zone, as 2026-09-01T09:00:00+02:00."),
  "past": _("This moment is past: choose a later one, or publish now."),
  "twice": _("It stands there twice."),
  "no-webvtt": _("Captions are WebVTT: the first line says WEBVTT."),
  "published-already": _("This video is published already: withdraw it first, or publish the edit now."),
  "not-there": _("There is no such thing (any more)."),
};

// *said*: a problem, or one of its errors.
export function sentence(said) {
  const text = SENTENCES[said.type?.split("#")[1]];
  if (text) return _(text, said);
  return said.errors?.some((one) => one.type) ? said.errors.map(sentence).join(" ") : (said.detail ?? said.why ?? "");
}
