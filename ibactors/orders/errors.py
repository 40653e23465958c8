"""What can go wrong where orders are written down. Codes are stable; the web layer alone knows which status a code has."""

from ibactors.errors import IbactorsError, InvalidRequest


class JournalFailed(IbactorsError):
    """The journal could not be written. Nothing was told to anybody; whether the write is on disk is read again before anything else."""

    code = "journal_failed"
    hint = "Orders are refused until the service is restarted; cancels are still sent. Look at the disk."


class JournalFull(IbactorsError):
    """The disk is full: no new order is taken. What ends orders is still written, into the reserve."""

    code = "journal_full"
    hint = "Free space in IBACTORS_STATE_PATH, then restart the service."


class JournalBusy(IbactorsError):
    """More writes wait than the journal takes."""

    code = "journal_busy"
    hint = "Try again in a moment, with fewer requests at once."


class JournalClosed(IbactorsError):
    """The service stops; the journal takes nothing more."""

    code = "journal_closed"


class OrderIdsExhausted(IbactorsError):
    """IB's next order id is at or above 2^30, where the ids of requests begin."""

    code = "order_ids_exhausted"
    hint = "Reset the API order ID sequence in TWS or IB Gateway (Global Configuration, API, Settings)."


class ClientOrderIdVoid(IbactorsError):
    """The client_order_id was deleted before an order with it came; it is never taken again."""

    code = "client_order_id_void"
    hint = "Take a new client_order_id for another attempt."


class ClientIdChanged(IbactorsError):
    """Orders are open under another client id, which alone sees and cancels them."""

    code = "client_id_changed"
    hint = "Connect with the client id that holds the orders, or wait until they are done."


class CursorGone(IbactorsError):
    """The cursor belongs to another journal, or is ahead of this one."""

    code = "cursor_gone"
    hint = "Take GET /orders after this answer, and go on behind its cursor: what changes from here on is there."


class BadText(InvalidRequest):
    """A text has characters that must not get into a message to IB: NUL ends a field there."""

    code = "bad_text"
    hint = "Texts of orders are 1 to 64 printable ASCII characters."


class TradingOff(IbactorsError):
    """IBACTORS_TRADING does not allow it."""

    code = "trading_off"
    hint = "IBACTORS_TRADING says what is sent: off, preview, paper or live; live accounts are named in IBACTORS_LIVE_ACCOUNTS."


class TradingHalted(IbactorsError):
    """Trading is stopped: nothing but cancels is sent."""

    code = "trading_halted"
    hint = "An admin may resume it, when the reason is gone: POST /trading/resume."


class Reconciling(IbactorsError):
    """The first comparison with IB's lists of this session is not done yet."""

    code = "reconciling"
    hint = "Repeat the same request, with the same client_order_id, in a moment."


class GatewayReadOnly(IbactorsError):
    """The gateway's API is read-only."""

    code = "gateway_read_only"
    hint = "Turn off Read-Only API in the gateway's settings; for a managed gateway IBACTORS_READ_ONLY_API must not be yes."


class OrderNotAllowed(IbactorsError):
    """An allow-list does not have it."""

    code = "order_not_allowed"


class OrderLimit(IbactorsError):
    """A limit would be passed."""

    code = "order_limit"


class OrderRate(IbactorsError):
    """Too many orders within a minute."""

    code = "order_rate"
    hint = "Nothing was sent. Repeat the same request later."


class PriceCollar(IbactorsError):
    """The price is too far from the market."""

    code = "price_collar"


class NoReferencePrice(IbactorsError):
    """There is no price to measure against."""

    code = "no_reference_price"
    hint = "Market orders need a live quote; a limit order needs at least a previous close."


class NoExchangeRate(IbactorsError):
    """There is no rate to the base currency."""

    code = "no_exchange_rate"


class DeadmanExpired(IbactorsError):
    """The key's dead man's switch went off."""

    code = "deadman_expired"


class ClientOrderIdReused(IbactorsError):
    """The client_order_id belongs to another request."""

    code = "client_order_id_reused"
    hint = "A client_order_id stands for one request for ever. Take another one for another order."


class ClientOrderIdTaken(IbactorsError):
    """Another key has used the client_order_id for this account."""

    code = "client_order_id_taken"
    hint = "A client_order_id is unique for each account, whatever key sends it."


class OrderNotFound(IbactorsError):
    """There is no such order."""

    code = "order_not_found"
    hint = "This proves nothing about a request that may still be on its way: DELETE /orders/by-client-id makes its id void."


class OrderNotResolvable(IbactorsError):
    """Evidence says what became of the order, or contradicts what was to be said of it."""

    code = "order_not_resolvable"
    hint = "Only orders that are unknown, or that ended unverified, are resolved by hand."


class OrderNotChangeable(IbactorsError):
    """The order cannot be changed now: a change of what the gateway does not have for certain would be a new order."""

    code = "order_not_changeable"
    hint = "Look at the order. Nothing was sent."


class RevisionChanged(IbactorsError):
    """The order is not the one that the client has seen."""

    code = "revision_changed"
    hint = "Look at the order, and decide again. Nothing was sent."


class ChangeIdReused(IbactorsError):
    """The change_id belongs to another change of the order."""

    code = "change_id_reused"
    hint = "A change_id stands for one change of an order for ever. Take another one for another change."


class ChangeRejected(IbactorsError):
    """IB refused the change, or it came too late; the order is as `order` says."""

    code = "change_rejected"
    hint = "This change_id is used up; take a new one for another attempt."


class ChangeNotSent(IbactorsError):
    """The change was taken back before a byte of it was written."""

    code = "change_not_sent"
    hint = "IB never saw it; the order stands as `order` says. Take a new change_id for another attempt."


class OrderNotOurs(IbactorsError):
    """The order is of another program, or was entered by hand."""

    code = "order_not_ours"
    hint = "Cancel or change it where it was placed; POST /trading/halt with cancel=all has IB cancel everything that the login has open."


class OrderRejected(IbactorsError):
    """IB refused the order."""

    code = "order_rejected"
    hint = "This client_order_id is used up; take a new one for another attempt."


class PreviewRejected(IbactorsError):
    """IB refused the what-if order."""

    code = "preview_rejected"
    hint = "An order with these terms would be refused, too."


class PreviewRequired(IbactorsError):
    """The request was not previewed, or not as it is, or too long ago."""

    code = "preview_required"
    hint = (
        "POST /orders/preview, or /orders/{order_id}/preview for a change, with the same body, and send it with the preview_token of the "
        "answer within 60 seconds."
    )


class OrderNotReceived(IbactorsError):
    """IB never had the order."""

    code = "order_not_received"
    hint = "Take a new client_order_id for another attempt."


class OrderNotSent(IbactorsError):
    """The order was taken back before a byte of it was written."""

    code = "order_not_sent"
    hint = "IB never saw it. A new client_order_id may be sent at once."


REFUSALS: dict[str, type[IbactorsError]] = {
    kind.code: kind
    for kind in (
        TradingOff,
        TradingHalted,
        OrderNotAllowed,
        OrderLimit,
        OrderRate,
        PriceCollar,
        NoReferencePrice,
        NoExchangeRate,
        DeadmanExpired,
    )
}
"""What a `Refusal` of the limits is raised as, by its code."""
