"""What a comparison can find, each kind with a name of its own that stays."""

from enum import StrEnum
from typing import NamedTuple


class Kind(StrEnum):
    """Every kind of difference, with its meaning. The API's document and the docs list them from here."""

    meaning: str

    def __new__(cls, value: str, meaning: str) -> "Kind":
        """A member is its value, and knows its meaning."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.meaning = meaning
        return member

    MISSING_TAG = "missing-tag", "The present registry has this tag or digest, the candidate does not."
    OTHER_DIGEST = "other-digest", "Both have it, and it is not the same image."
    MISSING_PLATFORM = "missing-platform", "The candidate lacks the image of one platform."
    MISSING_BLOB = "missing-blob", "The candidate has the manifest, and lacks a layer or the config."
    MISSING_SIGNATURE = "missing-signature", "It is signed at the present registry, and not at the candidate."
    MISSING_REFERRER = "missing-referrer", "Something else that belongs to it is missing, such as an SBOM."
    NOT_PUBLIC = "not-public", "Everybody can read it today, and the candidate asks for credentials."
    REFUSED_FOR_CLIENT = "refused-for-client", "A kind of client can pull it today, and could not after the switch."
    NO_SUCH_TAG = "no-such-tag", "A tag was asked for by name, and the present registry does not have it either."
    COULD_NOT_ASK = "could-not-ask", "A registry could not be asked, so nobody knows."

    @property
    def is_copied(self) -> bool:
        """Whether copying something to the candidate mends it."""
        return self in _COPIED


_COPIED = frozenset(
    {
        Kind.MISSING_TAG,
        Kind.OTHER_DIGEST,
        Kind.MISSING_PLATFORM,
        Kind.MISSING_BLOB,
        Kind.MISSING_SIGNATURE,
        Kind.MISSING_REFERRER,
    }
)


class Difference(NamedTuple):
    """One thing that would be another after the switch.

    `reference` is a tag or a digest, "" where it is about all of a repository or mapping. `detail` says more, in words.
    `old_digest` is what would have to be copied, `new_digest` what is there instead; "" for none.
    """

    kind: Kind
    reference: str
    detail: str = ""
    old_digest: str = ""
    new_digest: str = ""
