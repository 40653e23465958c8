"""Market scans over REST: what they can be made of, and one look."""

import trio

from ibactors.bridge.scans import one_scan, parameters_of, scanner_document
from ibactors.errors import ActorDown, GatewayDisconnected, GatewayRefused, GatewayTimeout, InvalidRequest, MailboxFull, TooManyScans
from ibactors.keys import Scope
from ibactors.model.news import Scan, ScannerParameters
from ibactors.model.times import now
from ibactors.web.contract.scans import RankedBy, ScanParameters, terms_of
from ibactors.web.operation import Call, Nothing, Operation

DAY = 86_400.0
_PROBLEMS = (ActorDown, GatewayDisconnected, GatewayRefused, GatewayTimeout, MailboxFull)


class ScanBody(ScanParameters, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to look for."""

    code: RankedBy


async def get_scanner_parameters(call: Call[Nothing, Nothing]) -> ScannerParameters:
    rows = await call.site.contracts.answer("scanner parameters", scanner_document(), lifetime=DAY, caller=call.along.holder)
    if not rows:
        raise GatewayRefused("The gateway sent no scanner parameters.")
    return await trio.to_thread.run_sync(parameters_of, rows[0])


async def run_scan(call: Call[Nothing, ScanBody]) -> Scan:
    terms = terms_of(call.body)
    rows = await call.site.connection.request(one_scan(terms, caller=call.along.holder))
    return Scan(instrument=terms.instrument, location=terms.location, code=terms.code, rows=rows[0] if rows else (), timestamp=now())


def _scanner(_call: object) -> str:
    return "scanner"


OPERATIONS = (
    Operation(
        method="GET",
        path="/scanner/parameters",
        handle=get_scanner_parameters,
        asks=_scanner,
        summary="What market scans can be made of",
        tag="Scanner",
        scope=Scope.READ,
        query=Nothing,
        body=Nothing,
        returns=ScannerParameters,
        problems=_PROBLEMS,
    ),
    Operation(
        method="POST",
        path="/scanner/run",
        handle=run_scan,
        asks=_scanner,
        summary="What a market scan finds now",
        tag="Scanner",
        scope=Scope.READ,
        query=Nothing,
        body=ScanBody,
        returns=Scan,
        problems=(TooManyScans, InvalidRequest, *_PROBLEMS),
        description="For one look; the channel `scanner` of the stream goes on. Nothing that fits is an empty list.",
    ),
)
