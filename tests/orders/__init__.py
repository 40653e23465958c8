"""The core of orders: the journal on a real disk, the state machine without one."""
