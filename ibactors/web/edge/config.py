"""Hypercorn's configuration, as far as its protocols and the listener read it."""

import logging

from hypercorn.config import Config


def edge_config(*, stop_timeout: float, max_message: int) -> Config:
    """Requests in flight get *stop_timeout* seconds when the service stops; a message of a WebSocket has *max_message* bytes at most."""
    config = Config()
    config.errorlog = logging.getLogger("hypercorn.error")
    config.graceful_timeout = stop_timeout
    config.websocket_max_message_size = max_message
    config.include_server_header = False
    return config
