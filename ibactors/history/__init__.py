"""The rules of the past: what may be asked for at once, how answers are put together, what is kept. No clock, no task, no wire."""
