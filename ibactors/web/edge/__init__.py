"""Bytes to ASGI and back: listener, connections, protocols, TLS, seats. The only room that touches Hypercorn's privates."""
