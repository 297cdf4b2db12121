"""Bytes that are the same on every machine, and that a compressor finds neither trivial nor hopeless."""

import hashlib


def sample(size: int) -> bytes:
    parts: list[bytes] = []
    state, total = b"nosh", 0
    while total < size:
        state = hashlib.sha256(state).digest()
        parts.append(state if state[0] % 4 == 0 else state[:4].hex().encode() * (state[1] % 9))
        total += len(parts[-1])
    return b"".join(parts)[:size]
