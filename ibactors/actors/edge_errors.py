"""What the holder was told of an error, as that error."""

from ibactors import errors
from ibactors.bus import wire
from ibactors.errors import GatewayDisconnected, IbactorsError
from ibactors.orders import errors as order_errors

_KINDS: dict[str, type[IbactorsError]] = {
    kind.code: kind
    for module in (order_errors, errors)
    for kind in reversed(tuple(vars(module).values()))
    if isinstance(kind, type) and issubclass(kind, IbactorsError)
}


def error_of(refusal: wire.Refusal) -> IbactorsError:
    """The error that it was at the holder; one that is unknown here passes for a disturbance."""
    kind = _KINDS.get(refusal.code, GatewayDisconnected)
    error = kind.__new__(kind)
    IbactorsError.__init__(error, refusal.detail, ib_code=refusal.ib_code, extra=refusal.extra)
    return error
