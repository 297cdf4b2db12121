"""Asking a program whether it is well, over HTTP on this machine."""

import http.client


def status(address: str, port: int, *, path: str, timeout: float = 2.0) -> int | str:
    """Return the HTTP status of a request, or why there was no answer."""
    connection = http.client.HTTPConnection(address, port, timeout=timeout)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except (OSError, ValueError, http.client.HTTPException) as error:
        return str(error) or type(error).__name__
    finally:
        connection.close()
