"""First steps, cell by cell as in a notebook. Start `ibactors demo` first; IBACTORS_URL and IBACTORS_API_KEY say where and who."""

# %% The service, and whether it is connected
from ibactors_client import Client, Problem, Quote, Stale

ib = Client()
print(ib.health().status)

# %% Quotes: what cannot be had is a Problem in its place
for name, quote in ib.quotes("AAPL", "MSFT", "NOSUCH").items():
    if isinstance(quote, Problem):
        print(name, quote.code, quote.hint)
    else:
        print(name, quote.bid, quote.ask, quote.market, quote.as_of)

# %% The account
for position in ib.positions():
    print(position.symbol, position.position, position.avg_cost)

# %% The past; `.frame()` makes a pandas DataFrame of it
history = ib.history("AAPL", bar="1d", limit=5)
print([(bar.t, bar.c) for bar in history.bars])

# %% Live, until there are three; a Stale says that the last value does not hold any more
seen = 0
with ib.stream("AAPL") as events:
    for event in events:
        if isinstance(event, Quote):
            seen += 1
            print(event.symbol, event.bid, event.ask, event.timestamp)
        elif isinstance(event, Stale):
            print("not current:", event.symbol or "everything", event.reason)
        if seen == 3:
            break

# %%
ib.close()
