"""The watchlist of a key: one file per key's name in the state path, so that every browser with the key shows the same instruments.

Whoever writes last is right. The service does nothing with the list but keep it: what is on it was accepted when it was subscribed to.
"""

import contextlib
import os
import tempfile
from functools import partial
from pathlib import Path
from typing import Annotated

import msgspec
import structlog
import trio

from ibactors.errors import WatchlistNotKept
from ibactors.keys import Scope
from ibactors.model.instruments import SecType
from ibactors.model.times import whole
from ibactors.web.contract.codec import encode
from ibactors.web.contract.queries import Code, ContractId, SymbolText
from ibactors.web.operation import Call, Nothing, Operation

FOLDER = "watchlists"
MOST = 200
"""Instruments of one list."""

log = structlog.get_logger(__name__)


class Watched(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One instrument, in the words in which it is subscribed to; what is not said is left out."""

    symbol: SymbolText
    sec_type: SecType | None = None
    exchange: Code | None = None
    currency: Annotated[str, msgspec.Meta(pattern=whole("([A-Za-z]{3})?"), description="Three letters; USD if not given.")] | None = None
    con_id: ContractId | None = None
    expiry: Annotated[str, msgspec.Meta(pattern=whole("[0-9]{6}([0-9]{2})?"), description="yyyymmdd or yyyymm.")] | None = None
    strike: Annotated[float, msgspec.Meta(ge=0, le=1e9, description="Strike price of an option, 0 to 1e9.")] | None = None
    right: Annotated[str, msgspec.Meta(pattern=whole("[CPcp]"), description="C or P.")] | None = None
    label: Annotated[str, msgspec.Meta(max_length=60, description="What it is called on the list; its symbol if not given.")] | None = None


Instruments = Annotated[tuple[Watched, ...], msgspec.Meta(max_length=MOST, description="In the order in which they are shown.")]


class Watchlist(msgspec.Struct, frozen=True, kw_only=True):
    """The watchlist of who asks."""

    kept: bool
    """Whether it is kept here: for callers with a key."""
    instruments: Instruments | None
    """Null where none was kept yet, or none is."""


class NewWatchlist(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A list in place of the one that was kept."""

    instruments: Instruments


async def get_watchlist(call: Call[Nothing, Nothing]) -> Watchlist:
    if call.caller.key is None:
        return Watchlist(kept=False, instruments=None)
    return Watchlist(kept=True, instruments=await trio.to_thread.run_sync(_read, _file(call)))


async def put_watchlist(call: Call[Nothing, NewWatchlist]) -> Watchlist:
    if call.caller.key is None:
        raise WatchlistNotKept("A watchlist is kept by the name of an API key, and this service asks for none.")
    try:
        await trio.to_thread.run_sync(partial(_write, _file(call), encode(call.body.instruments)))
    except OSError as exc:
        raise WatchlistNotKept(f"The watchlist cannot be written: {exc.strerror}.") from exc
    return Watchlist(kept=True, instruments=call.body.instruments)


def _file(call: Call[Nothing, Nothing] | Call[Nothing, NewWatchlist]) -> Path:
    # The name of a key has letters, digits and ._- only, a letter or digit first (`keys.py`).
    return Path(call.system.settings.state_path).expanduser() / FOLDER / f"{call.caller.name}.json"


def _read(path: Path) -> tuple[Watched, ...] | None:
    """The list; None without a file, or with one that is not of our making."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Instruments)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError) as exc:
        log.warning("watchlist.unreadable", path=str(path), error=str(exc))
        return None


def _write(path: Path, content: bytes) -> None:
    """Put it on disk in one piece, for this user alone. Raises OSError."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent)  # for its owner alone; each writer has its own
    fresh = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            fresh.unlink()
        raise


OPERATIONS = (
    Operation(
        method="GET",
        path="/watchlist",
        handle=get_watchlist,
        summary="The watchlist that is kept for the key",
        tag="Market data",
        scope=Scope.READ,
        query=Nothing,
        body=Nothing,
        returns=Watchlist,
        description="Without keys none is kept: the live page then leaves its list to the browser.",
    ),
    Operation(
        method="PUT",
        path="/watchlist",
        handle=put_watchlist,
        summary="Keep another watchlist for the key",
        tag="Market data",
        scope=Scope.READ,
        query=Nothing,
        body=NewWatchlist,
        returns=Watchlist,
        problems=(WatchlistNotKept,),
        description=f"All of it at once, {MOST} instruments at most; it stands in place of the one before.",
    ),
)
