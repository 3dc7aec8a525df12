"""What an OpenID provider says of a student, without the libraries that it takes to ask one."""
from __future__ import annotations

from dataclasses import dataclass


class ProviderError(Exception):
    """The provider's answer is not to be believed, or there is none; the text is for the log."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Whom a provider vouches for. ``email`` is "" unless the provider says that it has verified it."""

    issuer: str
    subject: str
    email: str
    name: str
