"""The accounts of an image: passwd(5) and group(5)."""

from collections.abc import Iterator

from nosh.rootfs.unpack import Member, text_file
from nosh.values.account import Group, User
from nosh.values.entry import Entry, Kind


def members(users: tuple[User, ...], groups: tuple[Group, ...], time: int) -> Iterator[Member]:
    """Yield passwd, group and the home folders; nobody can log in."""
    if users:
        lines = (f"{user.name}:x:{user.uid}:{user.gid}:{user.name}:{user.home}:/sbin/nologin\n" for user in users)
        yield text_file("etc/passwd", "".join(lines).encode(), time)
    if groups:
        yield text_file("etc/group", "".join(f"{group.name}:x:{group.gid}:\n" for group in groups).encode(), time)
    for user in users:
        if user.home_mode:
            yield (
                Entry(user.home.strip("/"), Kind.DIRECTORY, user.home_mode, user.uid, user.gid, time),
                (),
            )
