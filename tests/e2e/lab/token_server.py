"""A token server: `GET /token` and the OAuth2 form, as the distribution token specification describes both.

https://distribution.github.io/distribution/spec/auth/token/ and …/spec/auth/oauth/
"""

import base64
import datetime
import hashlib
import json
import secrets
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from urllib.parse import parse_qs

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from tests.e2e.lab import accounts, addresses
from tests.e2e.lab.accounts import Account
from tests.e2e.lab.origin import Answer, Origin, Request

ISSUER = "lab-token-server"
LIFETIME_SECONDS = 300

Access = list[dict[str, object]]


class TokenServer(Origin):
    """Grants `pull` on public repositories to everyone, and everything on ``private[name]`` to the users listed there.

    A repository in neither is public to pull; only known users may push. The scopes granted are the intersection with
    those asked for, and never an error: the registry is the one to refuse (as the specification has it).
    """

    def __init__(
        self, address: str = addresses.TOKEN_SERVER, private: Mapping[str, Iterable[str]] | None = None
    ) -> None:
        self.private = {name: set(users) for name, users in (private or {}).items()}
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self._refresh_tokens: dict[str, Account] = {}
        super().__init__(address)

    @property
    def realm(self) -> str:
        return f"{self.url}/token"

    def write_certificate(self, path: Path) -> None:
        """Write the root certificate bundle with which a registry checks the tokens."""
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, ISSUER)])
        now = datetime.datetime.now(datetime.UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(self._key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=2))
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        path.write_bytes(certificate.public_bytes(Encoding.PEM))

    def mint(self, service: str, access: Access, subject: str = "") -> str:
        """A signed token for ``service``."""
        now = int(time.time())
        claims = {
            "iss": ISSUER,
            "sub": subject,
            "aud": service,
            "iat": now,
            "nbf": now - 10,
            "exp": now + LIFETIME_SECONDS,
            "jti": secrets.token_hex(8),
            "access": access,
        }
        return jwt.encode(claims, self._key, algorithm="RS256", headers={"kid": self._key_id()})

    def access(self, authorization: str | None, service: str) -> Access | None:
        """What a token of this server grants at ``service``, or None where ``authorization`` carries none."""
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        try:
            claims = jwt.decode(token, self._key.public_key(), algorithms=["RS256"], audience=service)
        except jwt.InvalidTokenError:
            return None
        access: Access = claims["access"]
        return access

    def push_authorization(self, service: str, name: str) -> str:
        """The ``Authorization`` with which the tests themselves fill a registry."""
        access: Access = [{"type": "repository", "name": name, "actions": ["pull", "push"]}]
        return f"Bearer {self.mint(service, access)}"

    def answer(self, request: Request) -> Answer:
        if request.path != "/token":
            return _json(404, {"details": "not found"})
        if request.method == "GET":
            return self._get(request)
        if request.method == "POST":
            return self._post(parse_qs(request.body.decode()))
        return _json(405, {"details": "method not allowed"})

    def _get(self, request: Request) -> Answer:
        authorization = request.header("Authorization")
        account = accounts.from_basic(authorization)
        if authorization is not None and account is None:
            return _json(401, {"details": "incorrect username or password"})
        service = request.query.get("service", [""])[0]
        document = self._grant(service, request.query.get("scope", []), account)
        document["token"] = document["access_token"]
        if account is not None and request.query.get("offline_token") == ["true"]:
            document["refresh_token"] = self._refresh_token(account)
        return _json(200, document)

    def _post(self, form: dict[str, list[str]]) -> Answer:
        one = {name: values[0] for name, values in form.items()}
        account = None
        if one.get("grant_type") == "password":
            account = accounts.authenticate(one.get("username", ""), one.get("password", ""))
        elif one.get("grant_type") == "refresh_token":
            account = self._refresh_tokens.get(one.get("refresh_token", ""))
        else:
            return _json(400, {"error": "unsupported_grant_type"})
        if account is None:
            return _json(401, {"error": "invalid_grant", "details": "incorrect username or password"})
        document = self._grant(one.get("service", ""), form.get("scope", []), account)
        if one.get("access_type") == "offline" or one["grant_type"] == "refresh_token":
            document["refresh_token"] = one.get("refresh_token") or self._refresh_token(account)
        return _json(200, document)

    def _grant(self, service: str, scopes: Iterable[str], account: Account | None) -> dict[str, object]:
        granted = [entry for scope in scopes for one in scope.split() if (entry := self._access(one, account))]
        access: Access = [{"type": kind, "name": name, "actions": actions} for kind, name, actions in granted]
        return {
            "access_token": self.mint(service, access, account.name if account else ""),
            "expires_in": LIFETIME_SECONDS,
            "issued_at": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "scope": " ".join(f"{kind}:{name}:{','.join(actions)}" for kind, name, actions in granted),
        }

    def _access(self, scope: str, account: Account | None) -> tuple[str, str, list[str]] | None:
        # A resource name may itself hold a colon (`localhost:5000/app`), hence from both ends.
        kind, _, rest = scope.partition(":")
        name, _, actions = rest.rpartition(":")
        allowed: set[str] = set()
        if kind == "repository":
            known = account is not None and account.name in self.private.get(name, accounts.ACCOUNTS)
            allowed = {"pull", "push", "delete"} if known else set() if name in self.private else {"pull"}
        granted = [action for action in actions.split(",") if action in allowed]
        return (kind, name, granted) if granted else None

    def _refresh_token(self, account: Account) -> str:
        token = secrets.token_urlsafe(24)
        self._refresh_tokens[token] = account
        return token

    def _key_id(self) -> str:
        """The key's fingerprint in libtrust's form, by which docker-registry 2.8 finds it in its bundle."""
        der = self._key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        text = base64.b32encode(hashlib.sha256(der).digest()[:30]).decode()
        return ":".join(text[start : start + 4] for start in range(0, len(text), 4))


def _json(status: int, document: dict[str, object]) -> Answer:
    return Answer(status, [("Content-Type", "application/json")], json.dumps(document).encode())
