"""Everything that is listed: a catalogue that finds instruments by id, by description, by number and by the beginning of a name.

Most instruments exist from the start. Options of the large classes are made when they are asked for, and stay from then on.
"""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from ibactors.sim.market.chains import OptionClass
from ibactors.sim.market.instruments import ContractSpec, Instrument

MAX_MATCHES = 20
_ENOUGH = 100
_SEARCHED = ("STK", "IND", "CASH", "FUND", "CMDTY", "CRYPTO")


class Catalogue:
    """All instruments of a server: those of the start in `listed`, those and all that were asked for in `by_con_id`.

    `roots` are the indexes behind futures: a search and a request for details find them, and they have no market.
    """

    def __init__(self, instruments: Iterable[Instrument], classes: Sequence[OptionClass] = (), roots: Sequence[Instrument] = ()) -> None:
        self.listed = tuple(instruments)
        self.classes = classes
        self.roots = roots
        self.by_con_id = {i.con_id: i for i in self.listed}

    def find(self, spec: ContractSpec) -> list[Instrument]:
        """The instruments that agree with `spec`, the first hundred; none for a spec without con id, symbol or local symbol."""
        # Who asks for one thing and describes ten thousand has to know that it was too many, and no more.
        return list(itertools.islice(self.matches(spec), _ENOUGH))

    def matches(self, spec: ContractSpec) -> Iterator[Instrument]:
        """All that agree with `spec`, one after the other, for answers of thousands of rows."""
        if spec.sec_type == "CONTFUT":
            # The future of the front month under another type; its con id is the same.
            for future in list(self.matches(replace(spec, sec_type="FUT")))[:1]:
                yield replace(future, sec_type="CONTFUT")
        elif spec.con_id:
            known = self._of_id(spec.con_id)
            if known is not None and spec.fits(known):
                yield known
        elif spec.symbol or spec.local_symbol:
            yield from (i for i in (*self.listed, *self.roots) if spec.fits(i))
            for option_class in self.classes:
                yield from (self._keep(i) for i in option_class.contracts(spec) if spec.fits(i))

    def numbered(self, spec: ContractSpec, kind: str, number: str) -> list[Instrument]:
        """The instruments with an ISIN, a CUSIP or a FIGI that agree with the rest of `spec`."""
        return [i for i in self.listed if i.numbers.get(kind) == number and spec.fits(i)]

    def issued(self, issuer: str) -> list[Instrument]:
        """The bonds of an issuer."""
        return [i for i in self.listed if i.issuer == issuer]

    def named(self, name: str) -> list[Instrument]:
        """What an operator means by a name: local symbol first, then symbol; a root means its first expiry."""
        exact = [i for i in self.by_con_id.values() if name in (i.local_symbol, str(i.con_id))]
        same = [i for i in self.listed if i.symbol == name and not i.last_trade_date]
        expiring = [i for i in self.listed if i.symbol == name and i.sec_type == "FUT"]
        # AMBIG is two stocks with the same local symbol; both are meant.
        return exact or same or expiring[:1]

    def search(self, pattern: str) -> list[Instrument]:
        """Instruments whose symbol or name starts with the pattern, the issuers of bonds last, at most 20 as recorded."""
        wanted = pattern.upper()
        if not wanted:
            return []
        searched = (i for i in (*self.listed, *self.roots) if i.sec_type in _SEARCHED)
        hits = [i for i in searched if i.symbol.startswith(wanted) or i.long_name.upper().startswith(wanted)]
        issuers = {i.issuer: i for i in self.listed if i.issuer and i.trading_class.startswith(wanted)}
        return (sorted(hits, key=lambda i: (i.symbol != wanted, i.symbol)) + list(issuers.values()))[:MAX_MATCHES]

    def derivatives(self, instrument: Instrument) -> tuple[str, ...]:
        """Which types of instruments there are on this one, as a search tells them."""
        kinds = {i.sec_type for i in self.listed if i.under_con_id == instrument.con_id}
        futures = {i.con_id for i in self.listed if i.under_con_id == instrument.con_id}
        kinds |= {"FOP" for c in self.classes if c.pattern.under_con_id in futures}
        kinds |= {c.pattern.sec_type for c in self.classes if c.pattern.under_con_id == instrument.con_id}
        return tuple(k for k in ("CFD", "OPT", "FUT", "FOP", "WAR") if k in kinds)

    def _of_id(self, con_id: int) -> Instrument | None:
        known = self.by_con_id.get(con_id) or next((i for i in self.roots if i.con_id == con_id), None)
        if known is not None:
            return known
        made = next((i for c in self.classes if (i := c.of_id(con_id)) is not None), None)
        return None if made is None else self._keep(made)

    def _keep(self, instrument: Instrument) -> Instrument:
        return self.by_con_id.setdefault(instrument.con_id, instrument)
