"""How callers say what a market scan looks for: one grammar for REST and streams."""

from typing import Annotated

import msgspec

from ibactors.bridge.scans import MOST_ROWS, ScanTerms
from ibactors.errors import InvalidRequest
from ibactors.model.times import whole

_Code = Annotated[str, msgspec.Meta(pattern=whole("[A-Za-z0-9._-]{1,60}"))]
RankedBy = Annotated[_Code, msgspec.Meta(description="What to rank by, such as TOP_PERC_GAIN.", examples=["TOP_PERC_GAIN"])]
_Bound = Annotated[float, msgspec.Meta(ge=0, le=1e12)]


class ScanParameters(msgspec.Struct, frozen=True, kw_only=True):
    """What is looked for, in IB's words; `GET /scanner/parameters` lists them."""

    instrument: Annotated[_Code, msgspec.Meta(description="The kind of instruments, such as STK.")] = "STK"
    location: Annotated[_Code, msgspec.Meta(description="Where to look, such as STK.US.MAJOR.")] = "STK.US.MAJOR"
    code: RankedBy | None = None
    above_price: _Bound | None = None
    below_price: _Bound | None = None
    above_volume: Annotated[int, msgspec.Meta(ge=0, le=2**31 - 2)] | None = None
    market_cap_above: Annotated[_Bound, msgspec.Meta(description="In millions.")] | None = None
    market_cap_below: Annotated[_Bound, msgspec.Meta(description="In millions.")] | None = None
    filters: (
        Annotated[
            str,
            msgspec.Meta(
                pattern=whole("[A-Za-z0-9_]{1,40}=[A-Za-z0-9._-]{1,40}(,[A-Za-z0-9_]{1,40}=[A-Za-z0-9._-]{1,40}){0,19}"),
                description="Further filters of IB's, 20 at most.",
                examples=["changePercAbove=5,priceAbove=10"],
            ),
        ]
        | None
    ) = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=MOST_ROWS, description="Rows: 1 to 50.")] = MOST_ROWS


def terms_of(given: ScanParameters) -> ScanTerms:
    """The same for the gateway. Raises InvalidRequest."""
    if given.code is None:
        raise InvalidRequest("A scan needs 'code', what to rank by.", field="code", remedy="GET /scanner/parameters lists the codes.")
    pairs = [part.partition("=") for part in given.filters.split(",")] if given.filters else []
    return ScanTerms(
        instrument=given.instrument,
        location=given.location,
        code=given.code,
        above_price=given.above_price,
        below_price=given.below_price,
        above_volume=given.above_volume,
        market_cap_above=given.market_cap_above,
        market_cap_below=given.market_cap_below,
        filters=tuple((tag, value) for tag, _, value in pairs),
        limit=given.limit,
    )
