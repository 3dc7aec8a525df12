"""What auth's routes read and answer with."""
from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec

from api.bodies import Body

Email = Annotated[str, msgspec.Meta(min_length=3, max_length=320)]
Password = Annotated[str, msgspec.Meta(max_length=512)]
Name = Annotated[str, msgspec.Meta(max_length=100)]
Token = Annotated[str, msgspec.Meta(min_length=1, max_length=100)]


class Registration(Body, frozen=True):
    email: Email
    password: Password
    name: Name = ""


class Confirmation(Body, frozen=True):
    token: Token
    password: Password


class LogIn(Body, frozen=True):
    email: Email
    password: Password


class PasswordChange(Body, frozen=True):
    new_password: Password
    password: Password = ""


class Address(Body, frozen=True):
    email: Email


class AddressChange(Body, frozen=True):
    email: Email
    password: Password = ""


class Proof(Body, frozen=True):
    password: Password = ""


class Mailed(Body, frozen=True):
    token: Token


class AccountShown(Body, frozen=True):
    id: int
    email: str
    name: str
    role: str
    has_password: bool


class SessionShown(Body, frozen=True):
    csrf: str
    account: AccountShown | None = None
    tag: str = ""
    revision: int = 0


class ListedSession(Body, frozen=True):
    tag: str
    created_at: datetime
    seen_at: datetime
    expires_at: datetime
    agent: str
    this: bool


class ListedSessions(Body, frozen=True):
    sessions: list[ListedSession]


class Said(Body, frozen=True):
    detail: str
