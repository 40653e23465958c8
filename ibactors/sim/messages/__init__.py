"""Encoders of answers: one function per message, fields in wire order.

Layouts are those of server versions 157 to 178; a parameter `version` marks the messages that differ between them. The literal after the
message id is the version field a real gateway sends.
"""
