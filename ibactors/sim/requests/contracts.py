"""Requests about instruments: contract details, symbol search, market rules, option parameters."""

from collections.abc import Mapping

from ibactors.sim.market.hours import trading_and_liquid_hours
from ibactors.sim.market.instruments import SECURITY_TYPES, ContractSpec, Instrument
from ibactors.sim.messages import contracts as messages
from ibactors.sim.request import NO_DEFINITION, Request, invalid
from ibactors.sim.session import Session
from ibactors.sim.wire.frames import FieldReader

# Rule id: (price from which it holds, increment)
_MARKET_RULES = {
    26: (("0.0", "0.01"),),
    32: (("0.0", "0.01"),),
    67: (("0.0", "0.25"),),
    239: (("0.0", "0.00005"),),
}


def _contract_details(session: Session, fields: FieldReader) -> None:
    fields.version()
    request_id = fields.identifier()
    spec = ContractSpec.read(fields)
    if not names_a_type(spec):
        invalid(session, request_id, "Please enter a valid security type")
        return
    found = session.gateway.catalogue.find(spec)
    if not found:
        session.error(request_id, 200, NO_DEFINITION)
        return
    today = session.gateway.now().date()
    for instrument in found:
        exchange = spec.exchange or instrument.exchanges[0]
        hours = trading_and_liquid_hours(instrument.trading_hours, today)
        data = messages.contract_data(session.version, request_id, instrument, exchange=exchange, hours=hours)
        session.send(data)
    session.send(messages.contract_data_end(request_id))


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
    if len(found) == 1:
        return found[0]
    if found:
        missing = "you must specify the multiplier or currency."
        text = f"The contract description specified for {spec.symbol} is ambiguous; {missing}"
        session.error(request_id, 200, text)
    else:
        session.error(request_id, 200, NO_DEFINITION)
    return None


def _matching_symbols(session: Session, fields: FieldReader) -> None:
    request_id = fields.identifier()
    found = session.gateway.catalogue.search(fields.text())
    session.send(messages.symbol_samples(session.version, request_id, found))


def _market_rule(session: Session, fields: FieldReader) -> None:
    rule = fields.integer()
    increments = _MARKET_RULES.get(rule)
    if increments is None:
        invalid(session, -1, f"Unknown market rule id {rule}")
        return
    session.send(messages.market_rule(rule, increments))


def _option_parameters(session: Session, fields: FieldReader) -> None:
    request_id = fields.identifier()
    symbol = fields.text()
    fields.text()
    fields.text()
    con_id = fields.integer()
    everything = session.gateway.catalogue.by_con_id.values()
    options = [i for i in everything if i.sec_type == "OPT" and i.under_con_id == con_id]
    if not options or options[0].symbol != symbol:
        invalid(session, request_id, "Invalid underlying symbol or contract id")
        return
    expirations = sorted({o.last_trade_date for o in options})
    strikes = sorted({o.strike for o in options}, key=float)
    for exchange in options[0].exchanges:
        data = messages.option_parameters(request_id, exchange, con_id, options[0].trading_class, "100", expirations, strikes)
        session.send(data)
    session.send(messages.option_parameters_end(request_id))


REQUESTS: Mapping[int, Request] = {
    9: Request(name="reqContractDetails", handle=_contract_details),
    78: Request(name="reqSecDefOptParams", handle=_option_parameters),
    81: Request(name="reqMatchingSymbols", handle=_matching_symbols),
    91: Request(name="reqMarketRule", handle=_market_rule),
}
