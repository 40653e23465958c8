"""The holder's side of the bus: what its session has goes into the feed for the edges, and their questions are answered.

`actor.py` keeps the connection, `publication.py` is what one connection is used for, `relaying.py`
has the channels other than quotes, `ticks.py` quotes for other systems.
"""
