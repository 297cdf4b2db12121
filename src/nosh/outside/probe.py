"""Asking about ports of this machine: is one free, and is the program behind it well?"""

import http.client
import socket


def status(address: str, port: int, path: str, *, timeout: float = 2.0) -> int | str:
    """Return the HTTP status of a request, or why there was no answer."""
    connection = http.client.HTTPConnection(address, port, timeout=timeout)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        return str(error) or type(error).__name__
    finally:
        connection.close()


def occupied(address: str, port: int) -> str:
    """Return why a port cannot be listened on; nothing if it can."""
    try:
        socket.create_server((address, port)).close()
    except OSError as error:
        return (error.strerror or str(error)).lower()
    return ""


def free_port() -> int:
    """Return a port that nobody on this machine listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])
