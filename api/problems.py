"""Every type of problem that the API answers with: its name, its status, what it means, what to do (RFC 9457).

A type is the address ``/api/docs#NAME``, where the page of the API's description tells of it. Clients tell problems apart by it:
it stays, while the sentence beside it may be worded anew. What says no more than its status does (404 of no address, 413) is
``about:blank``. The types of ``FIELD_TYPES`` stand in the members of ``errors``, each about one field.
"""
from __future__ import annotations

from typing import NamedTuple

PAGE = "/api/docs"
BLANK = "about:blank"


class ProblemType(NamedTuple):
    """A type of problem. *remedy*: what a client or its user does about it."""

    name: str
    status: int
    meaning: str
    remedy: str

    @property
    def uri(self) -> str:
        """The problem's member ``type``."""
        return f"{PAGE}#{self.name}"


# Of any address.
INVALID_FIELDS = ProblemType("invalid-fields", 422, "A field or parameter does not fit.", "Mend what errors names.")
NOT_JSON = ProblemType("not-json", 400, "The body is no JSON in UTF-8.", "Send JSON.")
CROSS_SITE = ProblemType("cross-site", 403, "Another site's page has asked, or a browser that does not say whose page.",
                         "Ask from the site's own pages, or name the origin in LECTERN_CORS_ORIGINS.")
FORM_TOKEN = ProblemType("form-token", 403, "The form's token is missing or old.",
                         "Ask GET /api/v1/auth/session for one, then send the request again with it.")
SIGNED_OUT = ProblemType("signed-out", 401, "The address answers only who is signed in.", "Log in.")
ACCOUNT_GONE = ProblemType("account-gone", 401, "The account was deleted while its session asked.", "Log in with another account.")
ROLE_NEEDED = ProblemType("role-needed", 403, "The account's role may not do this.", "Ask an operator for the role that detail names.")
TOO_MANY_REQUESTS = ProblemType("too-many-requests", 429, "The client has asked as often as it may in this window.",
                                "Wait for the seconds of Retry-After.")
TOO_MANY_ATTEMPTS = ProblemType("too-many-attempts", 429, "Too many attempts have failed, by this client or for this account.",
                                "Wait for the seconds of Retry-After.")
BUSY = ProblemType("busy", 503, "What the API stands on is busy or away for now; nothing was written.",
                   "Try again after the seconds of Retry-After.")
NOT_READY = ProblemType("not-ready", 503, "The process cannot do its work, or is leaving.", "Send requests to another one.")

# Of accounts.
LOGIN_WRONG = ProblemType("login-wrong", 401, "The address or the password is wrong.", "Type both again, or ask for a new password.")
PASSWORD_WRONG = ProblemType("password-wrong", 403, "The password that proves who is there is wrong.", "Type it again.")
REGISTRATION_PASSWORD_WRONG = ProblemType("registration-password-wrong", 401, "It is not the password that the registration was made with.",
                                          "Type that one, or register again.")
PROOF_TOO_OLD = ProblemType("proof-too-old", 403, "The account has no password, and its log-in is too old to stand for one.",
                            "Log in again at the provider, then try again.")
LINK_ENDED = ProblemType("link-ended", 410, "The mailed link was used, or its time has passed.", "Ask for a new one.")
ADDRESS_TAKEN = ProblemType("address-taken", 410, "The address has got an account since the link was mailed.", "Log in.")
NO_SESSION = ProblemType("no-session", 404, "The account has no such session (any more).", "Ask for the list again.")
NO_PROVIDER = ProblemType("no-provider", 404, "No such OpenID provider is set up.", "Ask GET /api/v1/auth/oidc for those that are.")
PROVIDER_UNVERIFIED = ProblemType("provider-unverified", 403, "The provider has not verified the address of somebody new.",
                                  "Make an account here, then link the provider to it.")
PROVIDER_LOGIN_ENDED = ProblemType("provider-login-ended", 410, "A log-in through a provider took too long.", "Begin it again.")
PROVIDER_TAKEN = ProblemType("provider-taken", 409, "The log-in at the provider opens another account here.",
                             "Log in to that account, and unlink it there.")
PROVIDER_NEEDED = ProblemType("provider-needed", 409, "The provider is not linked, or is the only way into the account.",
                              "Set a password first.")

# Of one student's data.
NO_VIDEO = ProblemType("no-video", 404, "No such video is published.", "Leave it out.")
NO_BATCH = ProblemType("no-batch", 404, "There is no such batch.", "Leave it out.")
NO_NOTE = ProblemType("no-note", 404, "The student has no such note.", "Ask for the list again.")
NO_ACCOUNT = ProblemType("no-account", 404, "There is no such account.", "Ask for the list again.")
BOOKMARKS_FULL = ProblemType("bookmarks-full", 409, "The student keeps as many videos as one may (limit).", "Take one away first.")
NOTES_FULL = ProblemType("notes-full", 409, "The video has as many of the student's notes as it may (limit).", "Take one away first.")
ENROLMENTS_FULL = ProblemType("enrolments-full", 409, "The account is in as many batches as one may be (limit).", "Leave one first.")
BATCH_GATED = ProblemType("batch-gated", 403, "An editor enrols who may be in the batch.", "Ask an editor.")
NOT_ENROLLED = ProblemType("not-enrolled", 403, "The video plays for those who are enrolled in its batch.", "Enrol in it.")

# Of the desk.
VERSION_NEEDED = ProblemType("version-needed", 428, "The request does not say which version its editor saw.",
                             "Send If-Match, or each one's etag in the body.")
CHANGED_MEANWHILE = ProblemType("changed-meanwhile", 412, "What was seen is another by now; both versions stand in the problem.",
                                "Look at both, then go on from the ETag in now.")
NO_KIND = ProblemType("no-kind", 404, "There are no things of this kind.", "Write one that detail names.")
NO_THING = ProblemType("no-thing", 404, "There is no such thing (any more).", "Ask for the list again.")
NO_EDIT = ProblemType("no-edit", 404, "There is no such edit, or it is not open.", "Ask for the list again.")
EDITS_FULL = ProblemType("edits-full", 409, "The editor has as many edits open as one may (limit).", "Publish or discard some first.")
EDIT_OPEN = ProblemType("edit-open", 409, "The editor has an edit of the thing open already; edit names it.", "Go on with that one.")
EDIT_CLOSED = ProblemType("edit-closed", 409, "The edit is published or discarded already.", "Begin another one.")
NOT_PUBLISHED = ProblemType("not-published", 409, "The edit is not published: there is nothing to take back.", "Discard it instead.")
SLUG_TAKEN = ProblemType("slug-taken", 409, "Another thing of the kind has this slug.", "Choose another.")
OTHERS_HANG_ON_IT = ProblemType("others-hang-on-it", 409, "Others hang on what shall be deleted (count).",
                                "Move, merge or withdraw them first.")
BUILDER_BUSY = ProblemType("builder-busy", 429, "As much is asked of the builder as it takes.", "Wait for an answer, then ask again.")
NO_QUESTION = ProblemType("no-question", 404, "There is no such question (any more).", "Ask it again.")
DRY_RUN_WAITS = ProblemType("dry-run-waits", 409, "The dry run has not been answered.", "Wait for it, or upload the file again.")
NO_CHANGE = ProblemType("no-change", 404, "The change is not known: it is long over, or never was.", "Look at the list of releases.")
NO_RELEASE = ProblemType("no-release", 404, "There is no such release.", "Look at the list of releases.")

# Of the webhook.
NO_WEBHOOK = ProblemType("no-webhook", 404, "No webhook is set up.", "Set LECTERN_DESK_HOOK_SECRET.")
SIGNATURE_WRONG = ProblemType("signature-wrong", 401, "The delivery's signature is not good.",
                              "Sign webhook-id, webhook-timestamp and the body's very bytes, joined by dots.")
DELIVERY_OLD = ProblemType("delivery-old", 401, "The delivery is new here, and its time is not now.", "Send it with the present time.")
DELIVERY_REUSED = ProblemType("delivery-reused", 409, "A delivery with this id came before, with another body.",
                              "Give each delivery its own id.")

TYPES = tuple(value for value in list(globals().values()) if isinstance(value, ProblemType))
"""All that stand in the member ``type`` of a problem."""

# Of one field, in a member of ``errors``.
NO_EMAIL = ProblemType("no-email", 422, "It is no e-mail address.", "Write one.")
PASSWORD_SHORT = ProblemType("password-short", 422, "The password has fewer letters than it must (limit).", "Choose a longer one.")
PASSWORD_LONG = ProblemType("password-long", 422, "The password has more letters than it may (limit).", "Choose a shorter one.")
PASSWORD_COMMON = ProblemType("password-common", 422, "The password is one of those that are tried first.", "Choose another.")
PASSWORD_OBVIOUS = ProblemType("password-obvious", 422, "The password is the address, or the site's name.", "Choose another.")
TOO_LONG = ProblemType("too-long", 422, "The text has more bytes than it may (limit).", "Shorten it.")
NEEDED = ProblemType("needed", 422, "The field must be filled in.", "Fill it in.")
NOT_A_LINE = ProblemType("not-a-line", 422, "The text holds a line break, a control character or a mark that turns text round.",
                         "Write it anew.")
NO_URL = ProblemType("no-url", 422, "It is no http or https address.", "Write the whole address, without spaces.")
NO_LANGUAGE = ProblemType("no-language", 422, "It is no language's code.", "Write a code such as en, hi or pt-BR.")
NO_DAY = ProblemType("no-day", 422, "It is no day.", "Write it as 2026-09-01.")
NO_MOMENT = ProblemType("no-moment", 422, "It is no moment with its zone.", "Write it as 2026-09-01T09:00:00+02:00.")
PAST = ProblemType("past", 422, "The moment is past.", "Choose a later one, or publish now.")
TWICE = ProblemType("twice", 422, "It stands there twice.", "Take one away.")
NO_WEBVTT = ProblemType("no-webvtt", 422, "Captions are WebVTT, and this is none.", "Begin the file with WEBVTT.")
PUBLISHED_ALREADY = ProblemType("published-already", 422, "What is published cannot be scheduled.", "Withdraw it first, or publish now.")
NOT_THERE = ProblemType("not-there", 422, "What the field names is not there (any more).", "Choose another.")

FIELD_TYPES = tuple(value for value in list(globals().values()) if isinstance(value, ProblemType) and value not in TYPES)
"""All that stand in the member ``type`` of one of a problem's ``errors``."""
