"""Bytes to ASGI and back: listener, connections, protocols, TLS, seats. The only room that speaks h11 and wsproto."""
