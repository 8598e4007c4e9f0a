"""An OpenID Connect provider as a process of its own: code flow with PKCE, discovery, RS256 ID tokens, user info.

    with OidcProvider() as provider:
        provider.person = {"sub": "dora", "email": "dora@example.com", "groups": ["acme-admins"]}
        … sign in at the facade that FACADE_OIDC_ISSUER=provider.issuer leads here …
        provider.fault = "expired"

It keeps to the specification and checks what clients send; a `fault` makes it lie in one way. Whoever comes to its
authorization endpoint is the `person` that was set last.
"""

import base64
import hashlib
import json
import secrets
import sys
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from tests.e2e.lab import process
from tests.e2e.lab.process import Daemon

ADDRESS = "127.0.0.1"
CLIENT_ID, CLIENT_SECRET = "registry-facade", "the client's secret"
LIFETIME_SECONDS = 300


class OidcProvider:
    """The process, and what it is told to say."""

    def __init__(self) -> None:
        self.directory = process.short_directory("oidc")
        env = process.private_environment(self.directory) | {"PYTHONUNBUFFERED": "1", "PYTHONPATH": ":".join(sys.path)}
        self._daemon = Daemon([sys.executable, "-m", "tests.e2e.oidc_provider"], self.directory, env)
        self.issuer = ""
        self._daemon.wait_ready(self._listens)

    def settings(self, **more: str) -> dict[str, Any]:
        """What a facade has to be told in order to use it."""
        return {
            "FACADE_OIDC_ISSUER": self.issuer,
            "FACADE_OIDC_CLIENT_ID": CLIENT_ID,
            "FACADE_OIDC_CLIENT_SECRET": CLIENT_SECRET,
            "FACADE_OIDC_NAME": "Acme login",
        } | more

    def says(self, person: dict[str, Any], fault: str = "", instead: dict[str, Any] | None = None) -> None:
        """Set who signs in next, and how the provider lies about it.

        `fault`: one by name, or what is asked for ("metadata", "keys", "token", "user info"), a blank, and the text of
        the answer. `instead`: members that an answer has in place of its own, by "metadata", "token", "id token" and
        "user info".
        """
        body = json.dumps({"person": person, "fault": fault, "instead": instead or {}}).encode()
        urllib.request.urlopen(urllib.request.Request(f"{self.issuer}/told", body, method="PUT"), timeout=10).close()

    def stop(self) -> None:
        """End the process."""
        self._daemon.stop()
        process.remove(self.directory)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _listens(self) -> bool:
        words = self._daemon.log.read_text().split()
        self.issuer = words[0] if words else ""
        return bool(self.issuer)


class _Handler(BaseHTTPRequestHandler):
    """The endpoints. What is given out is kept on the class: one process is one provider."""

    protocol_version = "HTTP/1.1"
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    strangers_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    told: dict[str, Any] = {"person": {}, "fault": "", "instead": {}}
    codes: dict[str, dict[str, Any]] = {}
    tokens: dict[str, dict[str, Any]] = {}
    issuer = ""

    def do_GET(self) -> None:
        target = urlsplit(self.path)
        match target.path:
            case "/.well-known/openid-configuration" if self.told["fault"].startswith("metadata "):
                self._odd()
            case "/.well-known/openid-configuration":
                self._json(self._metadata() | self._instead("metadata"))
            case "/jwks" if self.told["fault"].startswith("keys "):
                self._odd()
            case "/jwks":
                own = json.loads(RSAAlgorithm.to_jwk(self.key.public_key()))
                self._json({"keys": [own | {"kid": "1", "use": "sig", "alg": "RS256"}]})
            case "/authorize":
                self._authorize(_single(target.query))
            case "/userinfo":
                self._userinfo()
            case _:
                self._json({"error": "not_found"}, 404)

    def do_PUT(self) -> None:
        self.told.update(json.loads(self._body()))
        self._json({})

    def do_POST(self) -> None:
        self._token(_single(self._body().decode()))

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def _metadata(self) -> dict[str, Any]:
        issuer = "https://another.example" if self.told["fault"] == "other issuer in metadata" else self.issuer
        return {
            "issuer": issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "userinfo_endpoint": f"{self.issuer}/userinfo",
            "jwks_uri": f"{self.issuer}/jwks",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "token_endpoint_auth_methods_supported": ["client_secret_post"],
            "code_challenge_methods_supported": ["S256"],
        }

    def _authorize(self, query: dict[str, str]) -> None:
        right = query.get("client_id") == CLIENT_ID and query.get("response_type") == "code"
        if not (right and query.get("code_challenge_method") == "S256" and query.get("state")):
            self._json({"error": "invalid_request", "query": query}, 400)
            return
        if self.told["fault"] == "cancelled":
            back = {"error": "access_denied", "state": query["state"]}
        else:
            code = secrets.token_urlsafe()
            self.codes[code] = query | {"person": dict(self.told["person"])}
            back = {"code": code, "state": query["state"]}
        self.send_response(302)
        self.send_header("Location", f"{query['redirect_uri']}?{urlencode(back)}")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _token(self, form: dict[str, str]) -> None:
        asked = self.codes.pop(form.get("code", ""), None)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(form.get("code_verifier", "").encode()).digest())
        if (
            asked is None
            or form.get("client_id") != CLIENT_ID
            or form.get("client_secret") != CLIENT_SECRET
            or form.get("redirect_uri") != asked["redirect_uri"]
            or challenge.rstrip(b"=").decode() != asked["code_challenge"]
        ):
            self._json({"error": "invalid_grant"}, 400)
            return
        if self.told["fault"].startswith("token "):
            self._odd()
            return
        access = secrets.token_urlsafe()
        self.tokens[access] = asked["person"]
        answer = {"access_token": access, "token_type": "Bearer", "expires_in": LIFETIME_SECONDS}
        if self.told["fault"] != "no id token":
            answer["id_token"] = self._id_token(asked["person"], asked.get("nonce"))
        self._json(answer | self._instead("token"))

    def _id_token(self, person: dict[str, Any], nonce: str | None) -> str:
        fault, now = self.told["fault"], int(time.time())
        claims = (
            person
            | ({} if nonce is None else {"nonce": nonce})
            | {
                "iss": "https://another.example" if fault == "other issuer" else self.issuer,
                "aud": "another client" if fault == "other audience" else CLIENT_ID,
                "iat": now,
                "exp": now - 3600 if fault == "expired" else now + LIFETIME_SECONDS,
            }
        )
        claims = {name: value for name, value in (claims | self._instead("id token")).items() if value is not None}
        if fault == "unsigned":
            return jwt.encode(claims, "", algorithm="none", headers={"kid": "1"})
        if fault == "signed with the client's secret":
            return jwt.encode(claims, CLIENT_SECRET * 2, algorithm="HS256", headers={"kid": "1"})
        key = self.strangers_key if fault == "another key" else self.key
        return jwt.encode(claims, key, algorithm="RS256", headers={"kid": "1"})

    def _userinfo(self) -> None:
        person = self.tokens.get(self.headers.get("Authorization", "").removeprefix("Bearer "))
        if person is None:
            self._json({"error": "invalid_token"}, 401)
            return
        if self.told["fault"].startswith("user info "):
            self._odd()
            return
        other = {"sub": "somebody else"} if self.told["fault"] == "other subject in user info" else {}
        self._json(person | other | self._instead("user info"))

    def _instead(self, where: str) -> dict[str, Any]:
        """What the fault, an object, puts there; None takes an ID token's claim away."""
        instead: dict[str, Any] = self.told["instead"].get(where, {})
        return instead

    def _odd(self) -> None:
        """The fault's own text, after what is asked for, in place of the answer."""
        text = self.told["fault"].partition(" ")[2].removeprefix("info ")
        self._raw(text.encode())

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def _json(self, data: Any, status: int = 200) -> None:
        self._raw(json.dumps(data).encode(), status)

    def _raw(self, body: bytes, status: int = 200) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _single(query: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(query).items()}


def main() -> None:
    """Serve until terminated; the first line of output is the issuer."""
    server = ThreadingHTTPServer((ADDRESS, 0), _Handler)
    _Handler.issuer = f"http://{ADDRESS}:{server.server_port}"
    print(_Handler.issuer, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
