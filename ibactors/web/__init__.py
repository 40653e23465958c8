"""REST and WebSocket: a table of operations in front of the actors, and nothing that could outlive a request."""
