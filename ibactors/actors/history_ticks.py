"""Pages of past ticks. IB sends up to a thousand and the rest of the last second, so that a page goes on by a second and a count."""

import trio

from ibactors.actors.history_library import Library
from ibactors.actors.history_loads import Load, Patience
from ibactors.actors.history_questions import TickPage, TicksQuestion
from ibactors.bridge.history import check_kind, past_ticks, read_ticks
from ibactors.errors import GatewayRefused, InvalidRequest, NoHistory
from ibactors.history.pages import Place, read_token, write_token
from ibactors.history.plan import utc
from ibactors.model.bars import Tick
from ibactors.model.instruments import ContractInfo

MOST = 1000
"""Ticks that IB takes for a request."""
Ticks = list[tuple[int, Tick]]


async def tick_page(library: Library, question: TicksQuestion, patience: Patience) -> TickPage:
    """One page, oldest first: forwards from a start, or backwards from an end. Raises InvalidRequest for neither."""
    if question.start is None and question.end is None:
        raise InvalidRequest("Ticks need a start or an end.", field="start", remedy="Give one of them, such as 2026-11-27T14:30:00Z.")
    place = read_token(question.page_token, question.fingerprint) if question.page_token else None
    contract = await library.contract(question.instrument, patience)
    if question.start is not None:
        return await _forwards(library, question, contract, place or Place(question.fingerprint, question.start), patience)
    end = min(question.end or 0, int(library.now()) + 1)
    return await _backwards(library, question, contract, place or Place(question.fingerprint, end - 1), patience)


async def _forwards(library: Library, question: TicksQuestion, contract: ContractInfo, place: Place, patience: Patience) -> TickPage:
    count = min(MOST, question.limit + place.done)
    came = await _ask(library, question, contract, start=utc(place.at), end="", count=count, patience=patience)
    end = int(library.now()) + 1 if question.end is None else question.end
    ticks = [(at, tick) for at, tick in came if at >= place.at][place.done :]
    page = [(at, tick) for at, tick in ticks if at < end][: question.limit]
    # Fewer than asked for: there are no more by now. More than the page has room for: they come with the next one.
    is_last = (len(came) < count and len(page) == len(ticks)) or not page or any(at >= end for at, _ in ticks[: len(page) + 1])
    return _page(contract, page, None if is_last else _next(question, place, page, page[-1][0]))


async def _backwards(library: Library, question: TicksQuestion, contract: ContractInfo, place: Place, patience: Patience) -> TickPage:
    count = min(MOST, question.limit + place.done)
    came = await _ask(library, question, contract, start="", end=utc(place.at + 1), count=count, patience=patience)
    ticks = [(at, tick) for at, tick in came if at <= place.at]
    ticks = ticks[: max(0, len(ticks) - place.done)]
    page = ticks[-question.limit :]
    is_last = (len(came) < count and len(page) == len(ticks)) or not page
    return _page(contract, page, None if is_last else _next(question, place, page, page[0][0]))


def _next(question: TicksQuestion, place: Place, page: Ticks, second: int) -> str:
    """The place after a page that ends within *second*, from either side."""
    done = sum(at == second for at, _ in page) + (place.done if second == place.at else 0)
    return write_token(Place(question.fingerprint, second, done))


def _page(contract: ContractInfo, page: Ticks, token: str | None) -> TickPage:
    return TickPage(contract=contract, ticks=tuple(tick for _, tick in page), next_page_token=token)


async def _ask(
    library: Library, question: TicksQuestion, contract: ContractInfo, *, start: str, end: str, count: int, patience: Patience
) -> Ticks:
    async def work(load: Load[Ticks]) -> Ticks:
        spec = past_ticks(contract, start=start, end=end, count=count, kind=question.kind, rth=question.rth)
        try:
            messages = await library.loads.ask(load, spec)
        except NoHistory:
            check_kind(contract, question.kind)
            return []
        found: Ticks = []
        try:
            for message in messages:
                found += read_ticks(message)
                await trio.lowlevel.checkpoint()
        except (ValueError, IndexError, KeyError) as exc:
            raise GatewayRefused("The gateway was asked for ticks and gave an answer that cannot be read.") from exc
        return found

    key = ("ticks", contract.con_id, contract.exchange, question.kind, question.rth, start, end, count)
    return await library.loads.get(key, work, patience)
