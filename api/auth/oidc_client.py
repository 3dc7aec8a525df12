"""What is said to an OpenID provider, and what of its answer is believed.

Code flow with PKCE S256, a nonce and the issuer compared everywhere it is told: in the metadata, in the
answer's address (RFC 9207) and in the ID token. OWASP ASVS 5.0, chapter V10; OpenID Connect Core 3.1.
"""
from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import requests
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry

from api.auth.identity import Identity, ProviderError
from api.auth.settings import Provider
from api.errors import BusyError

TIMEOUT_S = 5.0
AT_ONCE = 2
"""Threads that may wait for a provider: a silent one must leave the others of this process."""

METADATA_S = 60 * 60
KEYS_REST_S = 60
LEEWAY_S = 60
SCOPE = "openid email profile"
SIGNATURES = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519")
"""Made with a key that only the provider has; never "none", and never a shared secret."""


class Client:
    """This site as one provider's client. *callback* is where the provider sends students back to."""

    def __init__(self, provider: Provider, callback: str, clock: Callable[[], float] = time.monotonic) -> None:
        self.provider = provider
        self.callback = callback
        self._clock = clock
        self._places = threading.BoundedSemaphore(AT_ONCE)
        self._metadata: dict[str, Any] = {}
        self._metadata_until = 0.0
        self._keys: KeySet | None = None
        self._keys_until = 0.0

    def authorization_url(self, state: str, nonce: str, verifier: str) -> str:
        """Where a student goes to be known. Raises ProviderError, BusyError."""
        with self._asking() as session:
            url, _ = session.create_authorization_url(
                self._known(session)["authorization_endpoint"], state=state, code_verifier=verifier, nonce=nonce, response_mode="query")
        return str(url)

    def identity(self, answer: Mapping[str, str], nonce: str, verifier: str) -> Identity:
        """Whom *answer*, the parameters that the student came back with, is about. Raises ProviderError, BusyError."""
        with self._asking() as session:
            known = self._known(session)
            told = answer.get("iss", "")
            if told != self.provider.issuer and (told or known.get("authorization_response_iss_parameter_supported")):
                raise ProviderError("another issuer answered")
            token = session.fetch_token(known["token_endpoint"], grant_type="authorization_code", code=answer["code"],
                                        code_verifier=verifier, redirect_uri=self.callback, allow_redirects=False)
            claims = self._claims(session, token, nonce)
            if "email" not in claims and (url := known.get("userinfo_endpoint")):
                more = _json(session.get(url, allow_redirects=False))
                if more.get("sub") != claims["sub"]:
                    raise ProviderError("the profile is somebody else's")
                claims = {**more, **claims}
        email = claims.get("email")
        verified = claims.get("email_verified") is True and isinstance(email, str)
        name = claims.get("name")
        return Identity(self.provider.issuer, claims["sub"], str(email) if verified else "", name if isinstance(name, str) else "")

    @contextmanager
    def _asking(self) -> Iterator[OAuth2Session]:
        if not self._places.acquire(blocking=False):
            raise BusyError("The provider takes long to answer: try again in a moment.")
        try:
            with OAuth2Session(self.provider.client_id, self.provider.client_secret, scope=SCOPE, redirect_uri=self.callback,
                               code_challenge_method="S256", default_timeout=TIMEOUT_S, leeway=0) as session:
                session.trust_env = False  # no .netrc, no proxy that nobody set here
                yield session
        except (requests.RequestException, AuthlibBaseError, JoseError, KeyError, TypeError, ValueError) as error:
            raise ProviderError(f"{type(error).__name__}: {error}"[:200]) from error
        finally:
            self._places.release()

    def _known(self, session: OAuth2Session) -> dict[str, Any]:
        """The provider's metadata, kept for an hour."""
        if self._clock() >= self._metadata_until:
            url = f"{self.provider.issuer.rstrip('/')}/.well-known/openid-configuration"
            found = _json(session.request("GET", url, withhold_token=True, allow_redirects=False))
            if found.get("issuer") != self.provider.issuer:
                raise ProviderError("the metadata is another issuer's")
            for name in ("authorization_endpoint", "token_endpoint", "jwks_uri", "userinfo_endpoint"):
                if name in found and urlsplit(found[name]).scheme != urlsplit(self.provider.issuer).scheme:
                    raise ProviderError(f"{name} leaves TLS")
            self._metadata, self._metadata_until = found, self._clock() + METADATA_S
        return self._metadata

    def _claims(self, session: OAuth2Session, token: Mapping[str, Any], nonce: str) -> dict[str, Any]:
        """What the ID token says, where its signature, issuer, audience, times and nonce hold."""
        told = self._known(session).get("id_token_signing_alg_values_supported", ["RS256"])
        registry = JWSRegistry(algorithms=[name for name in SIGNATURES if name in told], strict_check_header=False)
        try:
            read = jwt.decode(token["id_token"], self._key_set(session), registry=registry)
        except InvalidKeyIdError:
            if self._clock() < self._keys_until:
                raise  # made-up key names must not make us ask each time
            self._keys = None
            read = jwt.decode(token["id_token"], self._key_set(session), registry=registry)
        claims = CodeIDToken(read.claims, read.header, {
            "iss": {"essential": True, "value": self.provider.issuer}, "aud": {"essential": True, "value": self.provider.client_id},
            "nonce": {"essential": True, "value": nonce}, "sub": {"essential": True},
        }, {"nonce": nonce, "client_id": self.provider.client_id, "access_token": token.get("access_token")})
        claims.validate(leeway=LEEWAY_S)
        if not isinstance(claims["sub"], str) or not 0 < len(claims["sub"]) <= 255:
            raise ProviderError("the subject is none")
        return dict(claims)

    def _key_set(self, session: OAuth2Session) -> KeySet:
        if self._keys is None:
            found = _json(session.request("GET", self._known(session)["jwks_uri"], withhold_token=True, allow_redirects=False))
            keys = KeySet.import_key_set(found)  # type: ignore[arg-type]  # a stranger's JSON: it is what looks at its shape
            self._keys, self._keys_until = keys, self._clock() + KEYS_REST_S
        return self._keys


def _json(answer: requests.Response) -> dict[str, Any]:
    if answer.status_code != 200:
        raise ProviderError(f"status {answer.status_code}")
    found = answer.json()
    if not isinstance(found, dict):
        raise ProviderError("no JSON object")
    return found
