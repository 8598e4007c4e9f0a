"""A security key in software (Web Authentication Level 3, §6), which can also lie."""

import hashlib
import os
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from fido2.cose import ES256
from fido2.utils import websafe_decode, websafe_encode
from fido2.webauthn import AttestationObject, AttestedCredentialData, AuthenticatorData, CollectedClientData


class SoftwareAuthenticator:
    """One key pair. What it signs over is the caller's to choose."""

    def __init__(self, rp_id: str, origin: str) -> None:
        self.rp_id, self.origin = rp_id, origin
        self.id = os.urandom(32)
        self.user_handle = ""
        self.count = 1
        self.flags = AuthenticatorData.FLAG.UP | AuthenticatorData.FLAG.UV
        self._key = ec.generate_private_key(ec.SECP256R1())

    def register(self, options: dict[str, Any], **client_data: Any) -> dict[str, Any]:
        """The answer to `navigator.credentials.create`."""
        options = options["publicKey"]
        self.user_handle = options["user"]["id"]
        public = AttestedCredentialData.create(b"\0" * 16, self.id, self._public())
        data = AuthenticatorData.create(
            hashlib.sha256(self.rp_id.encode()).digest(),
            self.flags | AuthenticatorData.FLAG.AT,
            self.count,
            public,
        )
        response = {
            "clientDataJSON": self._client_data("webauthn.create", options["challenge"], client_data).b64,
            "attestationObject": websafe_encode(AttestationObject.create("none", data, {})),
        }
        return self._credential(response) | {"clientExtensionResults": {"credProps": {"rk": True}}}

    def sign(self, options: dict[str, Any], **client_data: Any) -> dict[str, Any]:
        """The answer to `navigator.credentials.get`."""
        options = options["publicKey"]
        said = self._client_data("webauthn.get", options["challenge"], client_data)
        data = AuthenticatorData.create(hashlib.sha256(self.rp_id.encode()).digest(), self.flags, self.count)
        response = {
            "clientDataJSON": said.b64,
            "authenticatorData": websafe_encode(data),
            "signature": websafe_encode(self._key.sign(data + said.hash, ec.ECDSA(hashes.SHA256()))),
            "userHandle": self.user_handle,
        }
        return self._credential(response)

    def _public(self) -> ES256:
        made: ES256 = ES256.from_cryptography_key(self._key.public_key())  # type: ignore[no-untyped-call]
        return made

    def _credential(self, response: dict[str, Any]) -> dict[str, Any]:
        return {
            "id": websafe_encode(self.id),
            "rawId": websafe_encode(self.id),
            "type": "public-key",
            "response": response,
            "clientExtensionResults": {},
        }

    def _client_data(self, kind: str, challenge: str, more: dict[str, Any]) -> CollectedClientData:
        given: dict[str, Any] = {"origin": self.origin, "cross_origin": False} | more
        return CollectedClientData.create(kind, websafe_decode(challenge), **given)
