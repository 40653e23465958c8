"""What clients subscribe to: WebSocket and event streams, and the document that describes them."""
