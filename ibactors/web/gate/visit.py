"""One request on its way through the gate: what was sent, who sent it, and the headers that its response gets."""

import itertools
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeAlias
from urllib.parse import parse_qsl, unquote

from ibactors.web.contract.asgi import HTTPScope, WebsocketScope
from ibactors.web.contract.caller import Caller
from ibactors.web.gate.origins import Addressed
from ibactors.web.gate.refusals import Refused

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._:-]{1,64}")
_URL = re.compile(r"https?://(?:[a-z0-9._~-]++|\[[0-9a-f:.]++\])(?::[0-9]{1,5})?(/.*)?", re.IGNORECASE | re.DOTALL)
"""The target in the form for proxies: no user, and no host that one program reads in one way and another one in another."""
_KEY_PARAMETERS = frozenset({"api_key", "apikey", "api-key", "x-api-key", "access_token", "token", "key", "bearer"})

_DEFAULTS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
)
"""On each response, where the application has not set its own; so is a content security policy."""
_DATA_POLICY = (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'")
_PAGE_POLICY = (
    b"content-security-policy",
    (
        b"default-src 'self'; script-src 'self'; img-src 'self' data: blob:; font-src 'self' data:; style-src 'self' 'unsafe-inline'; "
        b"worker-src 'self' blob:; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
)
_HTTPS_ONLY = (b"strict-transport-security", b"max-age=31536000")

Headers = list[tuple[bytes, bytes]]
RequestIds: TypeAlias = Iterator[str]


@dataclass(slots=True, kw_only=True)
class Visit:
    """What the gate knows of one request."""

    request_id: str
    method: str
    path: str
    query: bytes
    headers: dict[bytes, bytes]
    sender: Addressed
    caller: Caller | None = None
    """Set once it is known."""
    answered: bool = False
    """Whether a response has begun."""
    extra: Headers = field(default_factory=list)
    """Headers of the response, besides those that every response has."""

    @property
    def caller_name(self) -> str:
        """For the audit log."""
        return self.caller.name if self.caller else "-"

    @property
    def origin(self) -> str:
        """The web site whose page sent this, or nothing."""
        return self.headers.get(b"origin", b"").decode("latin-1").lower()

    @property
    def key(self) -> str:
        """The key in the headers, or nothing."""
        scheme, _, text = self.headers.get(b"authorization", b"").decode("latin-1").partition(" ")
        return text.strip() if scheme.lower() == "bearer" else self.headers.get(b"x-api-key", b"").decode("latin-1").strip()

    @property
    def used_key(self) -> bool:
        """Whether the caller was found by the key in the headers."""
        return self.caller is not None and self.caller.key is not None and bool(self.key)

    def parameter(self, name: str) -> str:
        """A parameter of the query, or nothing."""
        return dict(parse_qsl(self.query.decode("latin-1"))).get(name, "")

    def shows_key_in_url(self) -> bool:
        """Whether the query has a parameter that is meant to be a key."""
        if b"=" not in self.query:
            return False
        return any(name.lower() in _KEY_PARAMETERS for name, _ in parse_qsl(self.query.decode("latin-1")))

    def response_headers(self, given: Headers) -> Headers:
        """The headers of a response to which the application has *given* some."""
        names = {name.lower(): value for name, value in given}
        headers = [*given, *self.extra, (b"x-request-id", self.request_id.encode())]
        headers += [header for header in _DEFAULTS if header[0] not in names]
        if b"content-security-policy" not in names:
            headers.append(_PAGE_POLICY if names.get(b"content-type", b"").startswith(b"text/html") else _DATA_POLICY)
        if self.sender.scheme in {"https", "wss"}:
            headers.append(_HTTPS_ONLY)
        return headers


def request_ids() -> RequestIds:
    """Ids that no other process and no other request of this one has."""
    process = secrets.token_hex(4)
    return (f"{process}-{number:x}" for number in itertools.count(1))


def chosen_id(headers: dict[bytes, bytes], ids: RequestIds) -> str:
    """The client's own id for a request, if it has one that is fit to be logged."""
    return own_id(headers) or next(ids)


def own_id(headers: dict[bytes, bytes]) -> str:
    """The client's own id for a request, or nothing."""
    given = headers.get(b"x-request-id", b"")
    return given.decode() if _REQUEST_ID.fullmatch(given) else ""


def straighten(scope: HTTPScope | WebsocketScope) -> None:
    """Make the path what the application will take it for. Raises Refused.

    A request's target may be a whole URL, of which Quart takes the path: the gate must judge the same path. What it is shows before
    anything is decoded, as it does to a proxy in front.
    """
    target = scope["raw_path"]
    if target.startswith(b"/"):
        return
    found = _URL.fullmatch(target.decode("latin-1"))
    if found is None:
        raise Refused("The target of the request is neither a path nor a URL of http or https.")
    scope["path"] = unquote(found[1] or "/")
