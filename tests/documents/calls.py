"""A client that openapi-python-client made, against the demo: python calls.py URL, where the client is the package `opc`."""

import sys

from opc import Client
from opc.api.account import get_positions
from opc.api.market_data import get_quote
from opc.models import Problem, Quote

with Client(base_url=sys.argv[1]) as client:
    quote = get_quote.sync(client=client, symbol="AAPL")
    assert isinstance(quote, Quote), quote
    assert quote.bid, quote
    assert quote.timestamp.tzinfo, quote
    positions = get_positions.sync(client=client)
    assert positions.positions[0].symbol, positions
    problem = get_quote.sync(client=client, symbol="BADSYM")
    assert isinstance(problem, Problem), problem
    assert problem.code == "contract_not_found"
