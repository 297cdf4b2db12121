"""Carries connections from listening sockets to ports of the network we are in."""

import asyncio
import socket
from collections.abc import Sequence

_CHUNK = 64 << 10


async def serve(listeners: Sequence[tuple[socket.socket, int]]) -> None:
    """Carry every connection that a socket gets to its port on 127.0.0.1, for ever."""
    servers = [await _serve(listener, port) for listener, port in listeners]
    await asyncio.gather(*(server.serve_forever() for server in servers))


async def _serve(listener: socket.socket, port: int) -> asyncio.Server:
    async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, back = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            writer.transport.abort()
            return
        await asyncio.gather(_pump(reader, back), _pump(there, writer))
        for end in (back, writer):
            end.close()

    return await asyncio.start_server(connect, sock=listener)


async def _pump(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    """Carry one direction; its end is handed on while the other goes on."""
    try:
        while data := await source.read(_CHUNK):
            target.write(data)
            await target.drain()
        target.write_eof()
    except OSError:
        target.transport.abort()
