"""The way between a session holder and its edges: NATS, and what goes over it.

This room alone knows the client library. `link.py` is one connection, `wire.py` what goes over it, `follower.py` when an edge may
believe it.
"""
