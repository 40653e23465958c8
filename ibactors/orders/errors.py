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
    hint = "Take a snapshot of the orders and go on from its sequence."


class BadText(InvalidRequest):
    """A text has characters that must not get into a message to IB: NUL ends a field there."""

    code = "bad_text"
    hint = "Texts of orders are 1 to 64 printable ASCII characters."
