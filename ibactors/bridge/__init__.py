"""The way to the gateway, and the only package that imports ib_async and trio_asyncio.

`session.py` opens one API session and hands out what may be asked of it; `wire.py` is ib_async's protocol client with its own framing and
sending; `incoming.py` routes what arrives; `quote_line.py` turns ticks into quotes; `codes.py` knows IB's error numbers; `pacing.py` keeps
the pace.
Everything that leaves this package is a frozen type of `ibactors.model` or an exception of `ibactors.errors`.
"""
