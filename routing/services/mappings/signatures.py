"""The lines for signatures under one's own name: how to make them, and how clients verify those made under another.

A signature names the image that it is for, its identity: `critical.identity.docker-reference`. Where a registry's name
stands there, a client that pulls by a hostname's name has to be told that both are the same. The identity is described
in sigstore/cosign's specs/SIGNATURE_SPEC.md, what podman makes of it in containers-policy.json(5), and where it looks
for signatures in containers-registries.d(5).
"""

import json
from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

from routing.models import Hostname, Mapping
from routing.services.base.actor import Actor
from routing.services.base.errors import ServiceError
from routing.services.hostnames.hostnames import get_hostname
from routing.services.mappings.fallback import LeftOut
from routing.services.mappings.image_names import name_here, name_there
from routing.services.mappings.pull_command import authority_of

#: The lines name at most so many mappings.
MOST = 1000
# What neither ends a string of a shell, JSON or YAML nor means something in it.
_SAFE = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._/:[]")


class LinesFor(StrEnum):
    """What the lines are for."""

    COSIGN = "cosign"
    POLICY = "policy"
    ATTACHMENTS = "attachments"


class SignatureLines(NamedTuple):
    """Lines, and where they lie on a client's machine; `path` is empty for commands."""

    hostname: Hostname
    purpose: LinesFor
    path: str
    text: str
    left_out: list[LeftOut]


class _Names(NamedTuple):
    """What a mapping's images begin with: by the hostname, and by the registry."""

    here: str
    there: str


def get_signature_lines(actor: Actor, hostname_id: int, purpose: LinesFor) -> SignatureLines:
    """The lines for a hostname's mappings as they are now.

    Raises NotFound, and ServiceError where no mapping is on, there are too many, or a name can't stand in a file.
    """
    hostname = get_hostname(actor, hostname_id)
    if hostname.name.startswith("*."):
        raise ServiceError(f"{hostname.name} stands for many names, and a signature is for one: add it as a hostname")
    rows = Mapping.objects.filter(hostname=hostname).select_related("hostname", "registry").order_by("prefix")
    mappings = list(rows[: MOST + 1])
    if len(mappings) > MOST:
        raise ServiceError(f"{hostname.name} has more than {MOST} mappings, too many for a file")
    left_out = [LeftOut(mapping.source, "it is off") for mapping in mappings if not mapping.enabled]
    names = [_names(mapping) for mapping in mappings if mapping.enabled]
    if not names:
        raise ServiceError(f"no mapping of {hostname.name} is on: add one, or switch one on")
    path, text = _MAKERS[purpose](hostname, names)
    return SignatureLines(hostname, purpose, path, text, left_out)


def _cosign(hostname: Hostname, names: Sequence[_Names]) -> tuple[str, str]:
    """Signed at the registry, for the facade takes no pushes.

    cosign compares the digest and leaves the identity to whoever calls it, so that is compared by jq.
    """
    lines = [
        f"# Signatures for images of {_safe(hostname.name)}, by cosign. Made by Registry Facade.",
        "# REST: what follows the prefix in the repository's name, such as /app; empty where nothing does.",
        "# TAG: the tag, and DIGEST: the digest (sha256:...) of the image.",
        "# cosign 3 writes no identity: give its sign --new-bundle-format=false --use-signing-config=false as well.",
        "# For its bundles verify prints the name that it was asked for, so they say nothing about a name.",
    ]
    for here, there in names:
        lines += [
            "",
            f"# {here} is {there}",
            "# Sign, under your own name:",
            f'cosign sign --key cosign.key --sign-container-identity "{here}${{REST}}:${{TAG}}" '
            f'"{there}${{REST}}@${{DIGEST}}"',
            "# Verify, and that it was signed under your own name:",
            f'{_verify(here)} | jq -e --arg name "{here}${{REST}}" {_IS_FOR}',
            "# Verify what was signed under the registry's name:",
            f'{_verify(here)} | jq -e --arg name "{there}${{REST}}" {_IS_FOR}',
        ]
    return "", "\n".join(lines) + "\n"


_IS_FOR = """'any(.[].critical.identity."docker-reference"; . == $name or startswith($name + ":"))'"""


def _verify(here: str) -> str:
    return f'cosign verify --key cosign.pub "{here}${{REST}}:${{TAG}}"'


def _policy(hostname: Hostname, names: Sequence[_Names]) -> tuple[str, str]:
    """The most specific scope counts, as with mappings. What is not of the hostname stays as it is without a policy."""
    key = f"/etc/pki/containers/{_safe(hostname.name)}.pub"
    scopes = {
        here: [
            {
                "type": "sigstoreSigned",
                "keyPath": key,
                "signedIdentity": {"type": "remapIdentity", "prefix": here, "signedPrefix": there},
            }
        ]
        for here, there in names
    }
    policy = {"default": [{"type": "insecureAcceptAnything"}], "transports": {"docker": scopes}}
    return "/etc/containers/policy.json", json.dumps(policy, indent=2) + "\n"


def _attachments(hostname: Hostname, names: Sequence[_Names]) -> tuple[str, str]:
    """By the hostname's name: that is the one by which clients look for a section.

    One section serves all mappings. Without it neither podman nor Skopeo looks for sigstore's signatures.
    """
    del names
    authority = _safe(authority_of(hostname.name))
    path = f"/etc/containers/registries.d/{_safe(hostname.name)}.yaml"
    return path, f'docker:\n  "{authority}":\n    use-sigstore-attachments: true\n'


_MAKERS = {LinesFor.COSIGN: _cosign, LinesFor.POLICY: _policy, LinesFor.ATTACHMENTS: _attachments}


def _names(mapping: Mapping) -> _Names:
    return _Names(_safe(name_here(mapping)), _safe(name_there(mapping)))


def _safe(text: str) -> str:
    """Itself. Raises ServiceError for what would be more than a name; none of these may have that."""
    if not _SAFE.issuperset(text):
        raise ServiceError(f"{text!a} can't stand in a file")
    return text
