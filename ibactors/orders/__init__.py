"""What an order is, what may become of it, and where it is written down.

This room knows neither the wire nor the web nor actors. Evidence comes in as frozen values, events and new states go out; the journal alone
touches a file. Nothing here sends anything: what is right to send is decided by whoever asks these functions, in the step of the write.
"""
