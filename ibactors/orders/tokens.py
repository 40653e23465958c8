"""How an order is known again at IB: a token in `orderRef`, which comes back in openOrder, execDetails and completedOrder.

The token follows from the account, the client's id and the role of a member, so that any journal, also an empty one, finds a repeated
request at IB. Nothing is ever identified by IB's order id alone: ids are per client, are used up by refusals and roll back.
"""

import base64
import hashlib
import re
import secrets
import string

TOKEN_LENGTH = 16
"""80 bits in base32."""
LONGEST_REF = 40
"""Characters of an orderRef; IB documents no limit."""
LABEL = re.compile(r"[A-Za-z0-9._-]{0,16}")
"""What a client may put before the token. Without `~`, which begins the token."""
_TOKEN = re.compile(rf"~([A-Z2-7]{{{TOKEN_LENGTH}}})(?![A-Za-z0-9])")
_TOKEN_BYTES = re.compile(_TOKEN.pattern.encode())
_CROCKFORD = string.digits + "ABCDEFGHJKMNPQRSTVWXYZ"


def token_of(account: str, client_order_id: str, role: str = "") -> str:
    """The token of one order: the first 80 bits of SHA-256 over account, client's id and role. NUL stands in none of the three."""
    digest = hashlib.sha256(f"{account}\0{client_order_id}\0{role}".encode()).digest()
    return base64.b32encode(digest[:10]).decode()


def order_ref(label: str, token: str) -> str:
    """The text of orderRef: `label~TOKEN`. Raises ValueError when the label does not fit."""
    if LABEL.fullmatch(label) is None:
        raise ValueError(label)
    return f"{label}~{token}"


def token_in(ref: str) -> str | None:
    """The token in an orderRef as IB sends it back, or None for an order that is not ours."""
    found = _TOKEN.search(ref)
    return found[1] if found else None


def tokens_in_frame(frame: bytes) -> frozenset[str]:
    """All tokens in a raw frame, whether or not it can be decoded: an order that is there is never absent because of a new field."""
    return frozenset(found[1].decode() for found in _TOKEN_BYTES.finditer(frame))


def group_name(account: str, key: str, name: str, generation: int) -> str:
    """The OCA group that is sent for a caller's: IB's names are everybody's and for ever, and a group with a fill cancels newcomers."""
    digest = hashlib.sha256(f"{account}\0{key}\0{name}\0{generation}".encode()).digest()
    return base64.b32encode(digest[:10]).decode()


def new_change_id() -> str:
    """An id for a change that its client gave none."""
    return f"auto-{secrets.token_hex(8)}"


def new_order_id(milliseconds: int) -> str:
    """A fresh public id: time of birth (ms since 1970) and 32 random bits, so that ids sort by time."""
    number = milliseconds << 32 | secrets.randbits(32)
    return "ord_" + "".join(_CROCKFORD[number >> shift & 31] for shift in range(75, -1, -5))
