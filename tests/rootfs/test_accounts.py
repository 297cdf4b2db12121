"""Accounts, and what an image says it is."""

import shlex

from tests.simulators import trees

from nosh.rootfs import accounts, identity
from nosh.rootfs.unpack import Member
from nosh.values.account import Group, User

USERS = (User("root", 0, 0, "/root", 0o700), User("nobody", 65534, 65534, "/nonexistent"))
NONROOT = User("nonroot", 65532, 65531, "/home/nonroot", 0o750)


def texts(members: list[Member]) -> dict[str, str]:
    found = {entry.path: body for entry, body in members if entry.size}
    return {path: b"".join(body).decode() for path, body in found.items() if isinstance(body, tuple)}


def test_accounts_and_their_homes() -> None:
    members = list(accounts.members((*USERS, NONROOT), (Group("root", 0), Group("nonroot", 65531)), 9))
    assert texts(members) == {
        "etc/passwd": "root:x:0:0:root:/root:/sbin/nologin\n"
        "nobody:x:65534:65534:nobody:/nonexistent:/sbin/nologin\n"
        "nonroot:x:65532:65531:nonroot:/home/nonroot:/sbin/nologin\n",
        "etc/group": "root:x:0:\nnonroot:x:65531:\n",
    }
    outline = trees.of_members(members)
    assert {path: line for path, line in outline.items() if not path.startswith("/etc/")} == {
        "/root": "folder 0700",
        "/home/nonroot": "folder 0750 65532:65531",
    }
    assert {entry.mtime for entry, _ in members} == {9}


def test_an_image_without_accounts_has_no_files_of_them() -> None:
    assert list(accounts.members((), (), 9)) == []
    assert list(texts(list(accounts.members(USERS, (), 9)))) == ["etc/passwd"]
    assert list(texts(list(accounts.members((), (Group("a", 1),), 9)))) == ["etc/group"]


def test_os_release_is_what_a_shell_would_read() -> None:
    """os-release(5): 'a newline-separated list of environment-like shell-compatible variable assignments'."""
    text = identity.os_release(title="Debian GNU/Linux", version="13", codename="trixie").decode()
    assert dict(line.split("=", 1) for line in shlex.split(text)) == {
        "PRETTY_NAME": "nosh (Debian GNU/Linux 13)",
        "NAME": "Debian GNU/Linux",
        "VERSION_ID": "13",
        "VERSION": "13 (trixie)",
        "VERSION_CODENAME": "trixie",
        "ID": "debian",
    }
    assert text.endswith('"\n')
