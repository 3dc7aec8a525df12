"""E-mail addresses: one spelling for one address, so that one address is one account and one count."""
from __future__ import annotations

import re
import unicodedata

from api.auth.errors import Refused
from api.errors import Wrong
from api.problems import INVALID_FIELDS, NO_EMAIL

MOST_BYTES = 254  # RFC 5321 4.5.3.1.3
_SHAPE = re.compile(r"[^\s@<>()\[\]\\,;:\"]+@[^\s@<>()\[\]\\,;:\"]+\.[^\s@<>()\[\]\\,;:\".]+")


def normal(text: str, field: str = "email") -> str:
    """*text* trimmed, NFKC and casefolded. Raises Refused (422) where it cannot be an address; only a mail proves that it is one."""
    address = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text.strip()).casefold())
    if not _SHAPE.fullmatch(address) or len(address.encode()) > MOST_BYTES or not address.isprintable():
        why = "This is no e-mail address."
        raise Refused(INVALID_FIELDS, why, Wrong(field, why, NO_EMAIL.uri))
    return address
