"""What can be traded, when, and at which price: instruments, their sessions and their walks."""
