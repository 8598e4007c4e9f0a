"""The file of a backup: a line of JSON that says what follows, frames, and a checksum of all that.

A frame is its length in 4 bytes and so many bytes: JSON, compressed, and encrypted where there is a passphrase. One of
length 0 ends them; then comes the SHA-256 of everything before. It tells what was cut off or damaged from what somebody
changed, which the encryption finds: AES-256-GCM under a key that scrypt makes of the passphrase. Each frame is bound to
the first line, to its number and to whether it is the last, so that none can be left out, repeated or moved (the STREAM
construction, https://eprint.iacr.org/2015/189).
"""

import base64
import hashlib
import json
import os
import struct
import unicodedata
import zlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from typing import Any, BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from routing.services.base.codes import Code
from routing.services.base.errors import ServiceError

FORMAT = 1
Frame = dict[str, Any]

_MAGIC = "registry_facade_backup"
_MAX_HEADER_BYTES = 1 << 16
# What one frame may come to, compressed or not: nobody's memory is filled by a file that isn't ours.
_MAX_FRAME_BYTES = 1 << 26
_LENGTH = struct.Struct(">I")
_READ_BYTES = 1 << 20
# 64 MiB for one derivation (OWASP's Password Storage Cheat Sheet). A file may ask for twice that at most.
_SCRYPT = {"log_n": 16, "r": 8, "p": 2}
_MAX_SCRYPT = {"log_n": 17, "r": 8, "p": 4}


class InvalidBackup(ServiceError):
    """The file is no backup that this release can read with what it was given; the message says why."""

    default_code = Code.MALFORMED


@dataclass(frozen=True)
class Header:
    """What the file's first line says of the rest.

    `migrations`: by app, the last one of the database that it was made of. `key_ids`: of the server's keys at the time,
    SECRET_KEY's first. `scrypt`: how a passphrase becomes the key; None where nothing is encrypted.
    """

    release: str
    made_at: str
    database: str
    generation: int
    migrations: dict[str, str]
    key_ids: list[str] = field(default_factory=list)
    with_keys: bool = False
    scrypt: dict[str, Any] | None = None

    @property
    def is_encrypted(self) -> bool:
        """Whether it takes a passphrase."""
        return self.scrypt is not None


def new_scrypt() -> dict[str, Any]:
    """How the key of a new file is made of its passphrase, with a salt of its own."""
    return {**_SCRYPT, "salt": base64.b64encode(os.urandom(16)).decode()}


class _Cipher:
    """Encrypts and decrypts frames in their order."""

    def __init__(self, header: Header, line: bytes, passphrase: str) -> None:
        self._key = AESGCM(_key(header.scrypt or {}, passphrase))
        self._line = hashlib.sha256(line).digest()
        self._number = 0

    def encrypt(self, frame: bytes, is_last: bool) -> bytes:
        return self._key.encrypt(self._nonce(is_last), frame, self._line)

    def decrypt(self, frame: bytes, is_last: bool) -> bytes:
        """Raises InvalidTag."""
        return self._key.decrypt(self._nonce(is_last), frame, self._line)

    def _nonce(self, is_last: bool) -> bytes:
        self._number += 1
        return self._number.to_bytes(11) + bytes([is_last])


class BackupWriter:
    """Writes a file, frame by frame. Raises OSError."""

    def __init__(self, file: BinaryIO, header: Header, passphrase: str | None) -> None:
        self._file, self._digest = file, hashlib.sha256()
        line = json.dumps({_MAGIC: FORMAT, **asdict(header)}).encode() + b"\n"
        self._cipher = None if passphrase is None else _Cipher(header, line, passphrase)
        self._put(line)

    def write(self, frame: Frame, *, is_last: bool = False) -> None:
        """Add one."""
        body = zlib.compress(json.dumps(frame, separators=(",", ":"), default=_plain).encode(), 6)
        if self._cipher is not None:
            body = self._cipher.encrypt(body, is_last)
        self._put(_LENGTH.pack(len(body)) + body)

    def finish(self, last: Frame) -> None:
        """Add the last one, and the checksum."""
        self.write(last, is_last=True)
        self._put(_LENGTH.pack(0))
        self._file.write(self._digest.digest())

    def _put(self, data: bytes) -> None:
        self._file.write(data)
        self._digest.update(data)


def read_header(file: BinaryIO) -> tuple[Header, bytes]:
    """What the first line says, and the line. Raises InvalidBackup, OSError."""
    line = file.readline(_MAX_HEADER_BYTES)
    try:
        facts = dict(json.loads(line))
        version = facts.pop(_MAGIC)
    except (ValueError, TypeError, KeyError, RecursionError):
        raise InvalidBackup("the file is no backup of Registry Facade") from None
    if version != FORMAT:
        raise InvalidBackup(
            f"the backup is of format {version}, this release reads {FORMAT}: restore it with the release that made "
            f"it, {facts.get('release', 'a newer one')}"
        )
    try:
        header = Header(**facts)
        datetime.fromisoformat(header.made_at)
        _check_header(header)
    except (TypeError, ValueError, KeyError, AttributeError):
        raise InvalidBackup("the backup's first line can't be read: the file is damaged") from None
    return header, line


def check_whole(file: BinaryIO) -> None:
    """Read all of a file from its beginning, and compare its checksum. Raises InvalidBackup, OSError."""
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    _, line = read_header(file)
    digest, left = hashlib.sha256(line), size - len(line) - hashlib.sha256().digest_size
    ends_whole = left >= _LENGTH.size
    while left > 0 and (piece := file.read(min(left, _READ_BYTES))):
        digest.update(piece)
        left -= len(piece)
    if not ends_whole or file.read() != digest.digest():
        raise InvalidBackup("the backup is damaged, or was cut off: its checksum is another one. Copy it once more")
    file.seek(0)


def frames(file: BinaryIO, passphrase: str | None) -> Iterator[Frame]:
    """The frames of a file that is whole, from its beginning. The last has a member `end`.

    Raises InvalidBackup, OSError.
    """
    file.seek(0)
    header, line = read_header(file)
    cipher = None
    if header.is_encrypted:
        if passphrase is None:
            raise InvalidBackup("the backup is encrypted: give its passphrase")
        cipher = _Cipher(header, line, passphrase)
    body, number = _next(file), 0
    while body:
        following = _next(file)
        yield _decoded(body, cipher, not following, number)
        body, number = following, number + 1
    if not number:
        raise InvalidBackup("the backup has nothing in it")


def _next(file: BinaryIO) -> bytes:
    """The bytes of the next frame; none after the last."""
    head = file.read(_LENGTH.size)
    length = _LENGTH.unpack(head)[0] if len(head) == _LENGTH.size else -1
    body = file.read(length) if 0 <= length <= _MAX_FRAME_BYTES else b""
    if len(body) != length:
        raise InvalidBackup("the backup was cut off, or is damaged")
    return body


def _decoded(body: bytes, cipher: _Cipher | None, is_last: bool, number: int) -> Frame:
    try:
        if cipher is not None:
            body = cipher.decrypt(body, is_last)
        unpacker = zlib.decompressobj()
        frame = json.loads(unpacker.decompress(body, _MAX_FRAME_BYTES))
        if not isinstance(frame, dict) or ("end" in frame) != is_last or unpacker.unconsumed_tail:
            raise ValueError
        return frame
    except InvalidTag:
        if number == 0:
            said = "the passphrase is not that of this backup, or somebody has changed the file"
        else:
            said = "somebody has changed the file: what follows was not written with this passphrase"
        raise InvalidBackup(said) from None
    except (ValueError, zlib.error, RecursionError):
        raise InvalidBackup("the backup can't be read: somebody has changed the file") from None


def _key(scrypt: dict[str, Any], passphrase: str) -> bytes:
    salt = base64.b64decode(scrypt["salt"])
    kdf = Scrypt(salt=salt, length=32, n=1 << scrypt["log_n"], r=scrypt["r"], p=scrypt["p"])
    # So that it is the same one whichever keyboard it was typed at.
    return kdf.derive(unicodedata.normalize("NFC", passphrase).encode())


def _check_header(header: Header) -> None:
    """Raises ValueError, TypeError, KeyError."""
    texts = (header.release, header.database, *header.migrations.keys(), *header.migrations.values(), *header.key_ids)
    if not all(isinstance(text, str) for text in texts) or type(header.generation) is not int:
        raise TypeError
    if (scrypt := header.scrypt) is None:
        return
    base64.b64decode(scrypt["salt"], validate=True)
    if not all(type(scrypt[name]) is int and 1 <= scrypt[name] <= most for name, most in _MAX_SCRYPT.items()):
        raise ValueError


def _plain(value: object) -> str:
    if isinstance(value, datetime | date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no place in a backup yet")
