"""The commands that look at a running service, and act through it: a command a module, each with `add_arguments` and `run`.

They are clients like any other, over HTTP, and know nothing of the service's inside. `run` returns the exit status, or raises
`calling.NotDone` with a sentence for people.
"""
