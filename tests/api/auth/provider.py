"""A real OpenID provider on loopback, as strict as the specification lets it be: a small WSGI server that signs its tokens.

It takes only the redirect address that was registered, only the code flow with PKCE S256 and a nonce, a code once and
from the client that it was made for. ``spoil`` changes the ID token's claims before they are signed, ``sign`` the way.
"""
from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server
from wsgiref.types import StartResponse, WSGIEnvironment

from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

CLIENT, SECRET = "lectern", "s3cret/with:odd+letters"


class FakeProvider:
    """The provider's state; ``person`` is who sits at the browser there."""

    def __init__(self) -> None:
        self.issuer = ""
        self.redirects: list[str] = []
        self.person: dict[str, Any] = {"sub": "248289761001", "email": "ada@school.example", "email_verified": True, "name": "Ada"}
        self.codes: dict[str, dict[str, str]] = {}
        self.key = RSAKey.generate_key(2048, {"kid": "one", "use": "sig", "alg": "RS256"})
        self.spoil: Callable[[dict[str, Any]], dict[str, Any]] = lambda claims: claims
        self.sign: Callable[[dict[str, Any]], str] = self._sign
        self.metadata: dict[str, Any] = {}
        self.told_issuer: str | None = ""  # "": the right one; None: none
        self.in_id_token = True
        self.profile: dict[str, Any] = {}
        self.asked: list[str] = []

    def authorize(self, url: str) -> str:
        """What the provider's page does when the person there agrees; the address that the browser is sent back to."""
        parts = urlsplit(url)
        asked = dict(parse_qsl(parts.query, strict_parsing=True))
        assert f"{parts.scheme}://{parts.netloc}{parts.path}" == f"{self.issuer}/authorize"
        assert asked["client_id"] == CLIENT
        assert asked["response_type"] == "code"
        assert asked["redirect_uri"] in self.redirects
        assert "openid" in asked["scope"].split()
        assert asked["code_challenge_method"] == "S256"
        assert len(asked["code_challenge"]) == 43
        assert min(len(asked["state"]), len(asked["nonce"])) >= 22
        code = secrets.token_urlsafe(16)
        self.codes[code] = asked
        told = self.issuer if self.told_issuer == "" else self.told_issuer
        back = {"code": code, "state": asked["state"], "session_state": "x"} | ({"iss": told} if told else {})
        return f"{asked['redirect_uri']}?{urlencode(back)}"

    def __call__(self, environ: WSGIEnvironment, start: StartResponse) -> list[bytes]:
        path = environ["PATH_INFO"]
        self.asked.append(path)
        if path == "/.well-known/openid-configuration":
            return _say(start, {
                "issuer": self.issuer, "authorization_endpoint": f"{self.issuer}/authorize", "token_endpoint": f"{self.issuer}/token",
                "jwks_uri": f"{self.issuer}/keys", "userinfo_endpoint": f"{self.issuer}/userinfo", "response_types_supported": ["code"],
                "subject_types_supported": ["public"], "id_token_signing_alg_values_supported": ["RS256", "HS256", "none"],
                "code_challenge_methods_supported": ["S256"], "authorization_response_iss_parameter_supported": self.told_issuer == "",
                **self.metadata})
        if path == "/authorize":  # the person there agrees at once
            start("302 Found", [("Location", self.authorize(f"{self.issuer}{path}?{environ['QUERY_STRING']}"))])
            return [b""]
        if path == "/keys":
            return _say(start, {"keys": [self.key.as_dict(private=False)]})
        if path == "/token":
            return self._token(environ, start)
        if path == "/userinfo" and environ.get("HTTP_AUTHORIZATION") == "Bearer opened":
            return _say(start, {**self.person, **self.profile})
        return _say(start, {"error": "not_found"}, "404 Not Found")

    def _token(self, environ: WSGIEnvironment, start: StartResponse) -> list[bytes]:
        form = {name: values[0] for name, values in parse_qs(
            environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])).decode(), strict_parsing=True).items()}
        basic = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        begun = self.codes.pop(form.get("code", ""), None)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(form.get("code_verifier", "").encode()).digest()).decode().rstrip("=")
        good = (environ["REQUEST_METHOD"] == "POST" and environ.get("HTTP_AUTHORIZATION") == f"Basic {basic}"
                and form.get("grant_type") == "authorization_code" and begun and begun["redirect_uri"] == form.get("redirect_uri")
                and begun["code_challenge"] == challenge)
        if not good:
            return _say(start, {"error": "invalid_grant"}, "400 Bad Request")
        assert begun is not None
        now = int(time.time())
        who = self.person if self.in_id_token else {"sub": self.person["sub"]}
        claims = {"iss": self.issuer, "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": begun["nonce"], **who}
        return _say(start, {"access_token": "opened", "token_type": "Bearer", "expires_in": 60, "id_token": self.sign(self.spoil(claims))})

    def _sign(self, claims: dict[str, Any]) -> str:
        return jwt.encode({"alg": "RS256", "kid": self.key.kid}, claims, self.key)

    def sign_by_secret(self, claims: dict[str, Any]) -> str:
        """As who knows no private key would: with the client's secret, or what is public."""
        return jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(SECRET.ljust(32, "x")))

    def sign_not(self, claims: dict[str, Any]) -> str:
        """Unsigned."""
        return ".".join([*(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")
                           for part in ({"alg": "none"}, claims)), ""])


@contextmanager
def running() -> Iterator[FakeProvider]:
    """A provider that answers while the block runs."""
    provider = FakeProvider()
    server = make_server("127.0.0.1", 0, provider, _Server, _Quiet)
    provider.issuer = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Server(WSGIServer):
    request_queue_size = 32


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        pass


def _say(start: StartResponse, what: dict[str, Any], status: str = "200 OK") -> list[bytes]:
    start(status, [("Content-Type", "application/json")])
    return [json.dumps(what).encode()]
