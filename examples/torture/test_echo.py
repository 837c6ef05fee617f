"""Tests of a client of echo-node, with pytest."""

import os
import socket
import time

import pytest

MESSAGE = 1024
PORTS = [int(os.environ[f"SQUALL_NODE_N{number}_PORT_ECHO"]) for number in (1, 2, 3)]


def round_trip(port, message):
    """Sends a message until it comes back: a good client survives a server that is restarted."""
    until = time.monotonic() + 30
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=10) as server:
                server.sendall(message)
                back = b""
                while len(back) < len(message):
                    part = server.recv(len(message) - len(back))
                    if not part:
                        raise ConnectionError("the server closed the connection")
                    back += part
                return back
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)


@pytest.mark.parametrize("port", PORTS)
def test_a_message_comes_back(port):
    for number in range(20):
        message = bytes([number]) * MESSAGE
        assert round_trip(port, message) == message
        time.sleep(0.05)
