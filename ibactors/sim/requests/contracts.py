"""The single instrument that a request is about, market rules, and the parameters of option classes."""

import zlib
from collections.abc import Mapping

from ibactors.sim.market.instruments import SECURITY_TYPES, ContractSpec, Instrument
from ibactors.sim.market.rules import MARKET_RULES
from ibactors.sim.messages import contracts as messages
from ibactors.sim.request import NO_DEFINITION, Request, invalid
from ibactors.sim.session import Session
from ibactors.sim.wire.frames import FieldReader


def names_a_type(spec: ContractSpec) -> bool:
    """Whether the security type is valid, or not needed because there is a con id."""
    return spec.sec_type in SECURITY_TYPES or (not spec.sec_type and spec.con_id != 0)


def the_one(session: Session, request_id: int, spec: ContractSpec) -> Instrument | None:
    """The single instrument that a request for data means; None after an error answer."""
    if not names_a_type(spec):
        invalid(session, request_id, "Please enter a valid security type")
        return None
    if not spec.exchange:
        invalid(session, request_id, "Please enter exchange")
        return None
    found = session.gateway.catalogue.find(spec)
    if found and session.gateway.faults.outages.get(found[0].con_id) == 200:
        found = []
    if len(found) == 1:
        return found[0]
    if found:
        missing = "you must specify the multiplier or currency."
        text = f"The contract description specified for {spec.symbol} is ambiguous; {missing}"
        session.error(request_id, 200, text)
    else:
        session.error(request_id, 200, NO_DEFINITION)
    return None


def _market_rule(session: Session, fields: FieldReader) -> None:
    rule = fields.integer()
    # A gateway learns a rule from the details of an instrument that has it.
    if rule not in session.gateway.known_rules:
        invalid(session, -1, f"Unknown market rule id {rule}")
        return
    session.send(messages.market_rule(rule, MARKET_RULES[rule]))


def _option_parameters(session: Session, fields: FieldReader) -> None:
    """Send a row for each exchange and trading class, in no useful order, as recorded."""
    request_id = fields.identifier()
    symbol, wanted, _ = fields.text(), fields.text(), fields.text()
    con_id = fields.integer()
    catalogue = session.gateway.catalogue
    rows: list[tuple[str, Instrument, list[str], list[str]]] = []
    options = [i for i in catalogue.listed if i.is_option and i.sec_type != "WAR" and i.under_con_id == con_id]
    if options:
        expiries, strikes = sorted({o.last_trade_date for o in options}), sorted({o.strike for o in options}, key=float)
        rows += [(exchange, options[0], expiries, strikes) for exchange in options[0].exchanges]
    for c in catalogue.classes:
        if c.pattern.under_con_id == con_id:
            rows += [(e, c.pattern, [f"{d:%Y%m%d}" for d in c.expiries], list(c.strikes)) for e in c.pattern.exchanges]
    if not rows or rows[0][1].symbol != symbol:
        invalid(session, request_id, "Invalid underlying symbol or contract id")
        return
    # The first stays first, so that who asks for one row gets the usual class.
    rows[1:] = sorted(rows[1:], key=lambda row: zlib.crc32(f"{row[0]}{row[1].trading_class}".encode()))
    for exchange, pattern, expiries, strikes in rows:
        if wanted in ("", exchange):
            names = (exchange, con_id, pattern.trading_class, pattern.multiplier)
            session.send(messages.option_parameters(request_id, *names, expiries, strikes))
    session.send(messages.option_parameters_end(request_id))


REQUESTS: Mapping[int, Request] = {
    78: Request(name="reqSecDefOptParams", handle=_option_parameters),
    91: Request(name="reqMarketRule", handle=_market_rule),
}
