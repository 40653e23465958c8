"""Orders from the ticket to the execution, and who is told."""
