"""The key with which the server signs its pushes (VAPID, RFC 8292), so that push services know who sends them.

Written as browsers want it: base64url without padding, of the 32 bytes of the private number and the 65 of the public
point on P-256. Browsers subscribe with the public key, and only its owner can push to them: a new key means that all
must subscribe again.
"""

import base64
import re
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

PRIVATE_BYTES = 32

_PRIVATE = re.compile(r"[A-Za-z0-9_-]{43}=?")
_SUBJECT = re.compile(r"mailto:[^\s@<>]+@[^\s@<>]+|https://[^\s/?#<>]+[^\s<>]*")


@dataclass(frozen=True, slots=True)
class VapidKey:
    """The private key (kept out of `repr`), the public one, and whom a push service may write to about it."""

    private: str = field(repr=False)
    public: str
    subject: str

    def private_key(self) -> ec.EllipticCurvePrivateKey:
        """Return the key to sign with."""
        return _private_key(self.private)


def load_vapid_key(private: str, subject: str, public: str | None = None) -> VapidKey:
    """Check a configured key.

    Raises:
        ValueError: it is no key, the subject is no contact, or the public key is another's. The text quotes nothing.
    """
    key = _private_key(private)
    derived = _text(key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint))
    if public is not None and public.rstrip("=") != derived:
        raise ValueError("VAPID_PUBLIC_KEY does not belong to VAPID_PRIVATE_KEY; leave it out, or make a new pair")
    if not _SUBJECT.fullmatch(subject):
        raise ValueError("VAPID_SUBJECT must be mailto:you@your.site or https://your.site/contact")
    return VapidKey(private.rstrip("="), derived, subject)


def new_private_key() -> str:
    """Make a private key."""
    number = ec.generate_private_key(ec.SECP256R1()).private_numbers().private_value
    return _text(number.to_bytes(PRIVATE_BYTES))


def _private_key(text: str) -> ec.EllipticCurvePrivateKey:
    # What is not of this form is read as zero, which is no key, as are numbers beyond the order of the curve.
    value = base64.urlsafe_b64decode(text[:43] + "=") if _PRIVATE.fullmatch(text) else b""
    try:
        return ec.derive_private_key(int.from_bytes(value), ec.SECP256R1())
    except ValueError:
        wrong = "VAPID_PRIVATE_KEY must be 32 bytes as base64url: make one with python -m server vapid"
        raise ValueError(wrong) from None


def _text(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()
