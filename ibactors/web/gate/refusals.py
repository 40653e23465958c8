"""Why the gate turns a request away: each reason is one exception with its code, and with the headers that belong to it."""

from ibactors.errors import IbactorsError
from ibactors.keys import Scope
from ibactors.web.contract.caller import Caller
from ibactors.web.contract.routes import WEBSOCKET, Place

_NO_KEY = 'Bearer realm="ibactors"'
_WRONG_KEY = f'{_NO_KEY}, error="invalid_token"'


class Refused(IbactorsError):
    """The request does not reach the application; as it is, because it is no request that anything could answer."""

    code = "bad_request"

    def __init__(self, message: str, *, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.headers = headers or {}


class NotFound(Refused):
    """No such path."""

    code = "not_found"
    hint = "GET /docs lists what there is."


class MethodNotAllowed(Refused):
    """The path does not take this method."""

    code = "method_not_allowed"
    hint = "See the Allow header."


class UpgradeRequired(Refused):
    """The path takes WebSockets only."""

    code = "upgrade_required"
    hint = "Connect with a WebSocket client."


class KeyRequired(Refused):
    """No API key was given."""

    code = "api_key_required"
    hint = "Send the key in the header Authorization: Bearer KEY, or X-API-Key: KEY."


class KeyInvalid(Refused):
    """The API key or the ticket is not valid."""

    code = "api_key_invalid"
    hint = "`ibactors key new` makes a key; it is valid once its line is in IBACTORS_API_KEYS and the service was told to read it (SIGHUP)."


class TicketInvalid(KeyInvalid):
    """The ticket is unknown, was used before or is too old."""

    code = "ticket_invalid"
    hint = "Ask for another one with POST /auth/ticket; a ticket is good for one connection within 30 seconds."


class KeyInUrl(Refused):
    """The key stands in the URL, where proxies and logs keep it."""

    code = "api_key_in_url"
    hint = "Send the key in a header; for a WebSocket in the first message, or use a ticket of POST /auth/ticket. Then replace this key."


class ScopeMissing(Refused):
    """The key is valid, but not for this."""

    code = "scope_missing"


class HostNotAllowed(Refused):
    """The Host header names somebody else."""

    code = "host_not_allowed"
    hint = "Address the service as localhost or 127.0.0.1, or add the name to IBACTORS_ALLOWED_HOSTS."


class OriginNotAllowed(Refused):
    """A page of another web site sent this."""

    code = "origin_not_allowed"
    hint = "Add the site to IBACTORS_ALLOWED_ORIGINS if its pages may use this service."


class RateLimited(Refused):
    """Too many requests."""

    code = "rate_limited"
    hint = "Send fewer requests a second; /ws/stream brings quotes without asking."

    def __init__(self, message: str, *, retry_after: int) -> None:
        super().__init__(message)
        self.extra = {"retry_after": retry_after}


class RequestTooLarge(Refused):
    """The body is too large."""

    code = "request_too_large"


class RequestTimeout(Refused):
    """The body did not come in time."""

    code = "request_timeout"
    hint = "Send the whole body at once."


def no_key() -> KeyRequired:
    return KeyRequired("This needs an API key.", headers={"WWW-Authenticate": _NO_KEY})


def invalid_key(why: str) -> KeyInvalid:
    return KeyInvalid(why, headers={"WWW-Authenticate": _WRONG_KEY})


def check_grant(caller: Caller, wanted: Scope) -> None:
    """Raises ScopeMissing."""
    if wanted not in caller.scopes:
        raise ScopeMissing(f"This needs the scope {wanted.value!r}, which the key of {caller.name!r} does not have.")


def wrong_method(method: str, path: str, place: Place) -> Refused:
    """Why a path that there is does not take *method*."""
    if method == "GET" and WEBSOCKET in place.routes:
        return UpgradeRequired(f"{path} is a WebSocket.", headers={"Upgrade": "websocket"})
    return MethodNotAllowed(f"{path} does not take {method[:20]!a}.", headers={"Allow": place.allowed})


class NotOnEdge(IbactorsError):
    """What an edge does not do."""

    code = "not_on_edge"
    hint = "Ask the service that holds the session, whose IBACTORS_ROLE is session or all."
