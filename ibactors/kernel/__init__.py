"""What an actor is: address, mailbox, incarnations, supervision, topics. Knows neither IB nor the web."""
