"""A WebSocket client that subscribes to much and then reads nothing, like a page in a background tab: `… slow_client HOST PORT`."""

import base64
import json
import os
import socket
import struct
import sys
import time

SYMBOLS = ["AAPL", "MSFT", "TSLA", "SPY", "QQQ", "NVDA"]


def main(host: str, port: str) -> None:
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.connect((host, int(port)))
    key = base64.b64encode(os.urandom(16)).decode()
    client.sendall(
        f"GET /ws/stream HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode()
    )
    client.recv(4096)
    payload = json.dumps({"action": "subscribe", "symbols": SYMBOLS}).encode()
    client.sendall(struct.pack(">BBxxxx", 0x81, 0x80 | len(payload)) + payload)
    time.sleep(3600)


if __name__ == "__main__":
    main(*sys.argv[1:])
