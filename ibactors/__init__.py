"""Interactive Brokers behind REST and WebSocket."""

__version__ = "0.2.0"
