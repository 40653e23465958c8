"""Interactive Brokers behind REST and WebSocket."""
