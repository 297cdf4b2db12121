"""The chain of trust: a key signs a suite, the suite vouches for its lists, a list vouches for each package."""

import shutil
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import time

import pytest
from tests.simulators import apt_repository, deb_maker, web_server
from tests.simulators.apt_repository import DAY, Key, change, key, repository
from tests.simulators.deb_maker import File, Package
from tests.simulators.web_server import Answer, Server

from nosh.outside.http import AbsentError, Settings, Web
from nosh.outside.store import Store
from nosh.resolve import exact
from nosh.sources import distributions, mirrors
from nosh.sources.distributions import Release
from nosh.sources.repository import apt
from nosh.sources.repository.apt import Access, Repository
from nosh.values import package as packages
from nosh.values import platform
from nosh.values.errors import FormatError, NetworkError, StoreError, VerificationError
from nosh.values.progress import Silence

AMD64 = platform.parse("linux/amd64")
HELLO = Package("hello", files={"usr/bin/hello": File(b"hello\n", 0o755)})
SUITE = "debian/dists/trixie"
IN_RELEASE = f"{SUITE}/InRelease"

Files = dict[str, bytes]


@dataclass
class Warnings(Silence):
    """Hears warnings only."""

    heard: list[str] = field(default_factory=list)

    def warn(self, message: str) -> None:
        self.heard.append(message)


@dataclass
class Machine:
    """A machine with a store of its own that trusts the simulator's key unless it is told otherwise."""

    store: Store
    server: Server
    warnings: Warnings = field(default_factory=Warnings)

    def connect(
        self,
        *,
        keyring: bytes | None = None,
        release: Release = distributions.DEBIAN13,
        insecure: bool = False,
        refresh: bool = False,
        offline: bool = False,
    ) -> Repository:
        keyring = key().certificate if keyring is None else keyring
        access = Access(
            Web(Settings(offline=offline, pause=0.0)),
            self.store,
            keyring,
            insecure=insecure,
            refresh=refresh,
            progress=self.warnings,
        )
        return apt.connect(release, AMD64, [mirrors.named(f"{self.server.url}/debian", "a test")], access)

    def serve(self, repository: apt_repository.Repository) -> "Machine":
        self.server.files.clear()
        self.server.files.update(apt_repository.files(repository))
        return self


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    with web_server.serve() as server:
        yield Machine(Store(tmp_path / "store"), server).serve(repository([HELLO]))


def versions(found: Iterable[packages.Package]) -> list[str]:
    return sorted(package.version for package in found)


def test_a_package_goes_all_the_way(machine: Machine) -> None:
    source = machine.connect()
    (found,) = source.find("hello")
    assert (found.name, found.version, found.architecture, found.source) == ("hello", "1.0-1", "amd64", "hello")
    assert found.origin == "debian trixie"
    source.fetch(found)
    with source.open(found) as file:
        assert file.read() == deb_maker.make(HELLO)
    assert source.names() == {"hello"}
    assert source.find("other") == ()
    assert machine.warnings.heard == []


BAD_RELEASES: dict[str, tuple[Callable[[], apt_repository.Repository], str]] = {
    "nobody signed it": (lambda: replace(repository([HELLO]), key=None), "no valid signature"),
    "a stranger signed it": (lambda: repository([HELLO], signer=key("stranger")), "no valid signature"),
    "it is of another suite": (
        lambda: change(repository([HELLO]), codename="bookworm"),
        "it is of bookworm, not of tri",
    ),
    "it is of no suite": (lambda: change(repository([HELLO]), fields={"Codename": ""}), "it is of no suite"),
    "it is of another distribution": (lambda: change(repository([HELLO]), origin="Devuan"), "its origin is Devuan"),
    "it expired an hour ago": (
        lambda: change(repository([HELLO]), date=int(time()) - DAY - 3600, valid=DAY),
        "it expired 1 hours ago",
    ),
    "it expired long ago": (lambda: change(repository([HELLO]), date=int(time()) - 30 * DAY), "it expired 552 hours"),
    "it vouches with MD5 and SHA-1 only": (
        lambda: change(repository([HELLO]), digests=("MD5Sum", "SHA1")),
        "no SHA-256 digests",
    ),
    "it vouches for nothing": (lambda: change(repository([HELLO]), digests=()), "no SHA-256 digests"),
    "it vouches with malformed lines": (
        lambda: change(repository([HELLO]), fields={"SHA256": "\n abc"}, digests=()),
        "no digest, size and path",
    ),
    "its date is none": (lambda: change(repository([HELLO]), fields={"Date": "today"}), "'today' is not a date"),
    "its expiry is none": (
        lambda: change(repository([HELLO]), fields={"Valid-Until": "never"}),
        "'never' is not a date",
    ),
    "it is for other machines": (
        lambda: replace(repository([HELLO]), architectures=("riscv64",)),
        "no packages for amd64",
    ),
}


@pytest.mark.parametrize("summary", BAD_RELEASES)
def test_a_suite_that_is_not_what_it_has_to_be(machine: Machine, summary: str) -> None:
    make, text = BAD_RELEASES[summary]
    machine.serve(make())
    with pytest.raises(VerificationError, match=r"^cannot trust .*/InRelease: ") as caught:
        machine.connect()
    assert text in caught.value.message
    assert caught.value.hint
    assert not [request for request in machine.server.asked if "Packages" in request.path or "by-hash" in request.path]


@pytest.mark.parametrize("index", range(3))
def test_every_suite_has_to_be_signed(machine: Machine, index: int) -> None:
    path = [IN_RELEASE, f"{SUITE}-updates/InRelease", "debian-security/dists/trixie-security/InRelease"][index]
    machine.server.files[path] = machine.server.files[path].replace(b"\nOrigin: Debian", b"\nOrigin: Debian ,")
    with pytest.raises(VerificationError, match=path):
        machine.connect()


KEYS: dict[str, Callable[[], bytes]] = {
    "the key has expired": lambda: apt_repository.expired(key()).certificate,
    "the key has been revoked": lambda: apt_repository.revoked(key()).certificate,
    "the ring has another key": lambda: key("stranger").certificate,
    "the ring is no ring": lambda: b"no ring",
    "the shipped ring, which does not have it": lambda: b"",
}


@pytest.mark.parametrize("summary", KEYS)
def test_a_key_that_is_not_good_enough(machine: Machine, summary: str) -> None:
    with pytest.raises(VerificationError, match=r"cannot trust .*/InRelease: .*(no valid signature|key ring)"):
        machine.connect(keyring=KEYS[summary]())


def pinned(tmp_path: Path, keys: Iterable[Key], trusted: Key) -> Release:
    """A release that ships these keys and pins one of them."""
    ring = tmp_path / "ring.gpg"
    ring.write_bytes(b"".join(one.certificate for one in keys))
    return replace(distributions.DEBIAN13, keyring=str(ring), trusted=(trusted.fingerprint,))


def test_the_shipped_ring_counts_only_for_the_keys_that_are_pinned(machine: Machine, tmp_path: Path) -> None:
    ring = [key(), key("stranger")]
    assert machine.connect(keyring=b"", release=pinned(tmp_path, ring, key())).find("hello")
    with pytest.raises(VerificationError, match=f"signed by {key().fingerprint}, which is not trusted here"):
        machine.connect(keyring=b"", release=pinned(tmp_path, ring, key("stranger")), refresh=True)


def test_a_ring_of_one_s_own_replaces_the_shipped_one(machine: Machine, tmp_path: Path) -> None:
    release = pinned(tmp_path, [key("stranger")], key("stranger"))
    assert machine.connect(keyring=key().certificate, release=release).find("hello")


TAMPERED: dict[str, Callable[[bytes], bytes]] = {
    "a word was changed": lambda data: data.replace(b"\nOrigin: Debian", b"\nOrigin: Debiam"),
    "a digest was changed": lambda data: data.replace(b"SHA256:\n ", b"SHA256:\n f", 1),
    "a line was added": lambda data: data.replace(b"\nOrigin", b"\nNote: x\nOrigin"),
    "a line was taken out": lambda data: data.replace(b"\nAcquire-By-Hash: yes", b""),
    "the signature was cut off": lambda data: data[: data.index(b"-----BEGIN PGP SIGNATURE")],
    "the signature was emptied": lambda data: (
        data[: data.index(b"SIGNATURE-----\n") + 15] + data[data.index(b"-----END") :]
    ),
    "it ends in the middle": lambda data: data[: len(data) // 2],
    "it is empty": lambda _: b"",
    "it is a web page": lambda _: b"<html><body>please log in</body></html>",
    "it is binary": lambda _: bytes(range(256)),
}


@pytest.mark.parametrize("summary", TAMPERED)
def test_a_signed_text_that_was_tampered_with(machine: Machine, summary: str) -> None:
    machine.server.files[IN_RELEASE] = TAMPERED[summary](machine.server.files[IN_RELEASE])
    with pytest.raises(VerificationError, match=r"cannot trust .*/InRelease: no valid signature"):
        machine.connect()


AROUND: dict[str, Callable[[bytes, bytes], bytes]] = {
    "before it": lambda signed, more: more + signed,
    "after it": lambda signed, more: signed + more,
    "in its armor": lambda signed, more: signed.replace(b"\n\n", b"\n" + more + b"\n", 1),
    "as a second message of a stranger": lambda signed, more: signed + apt_repository.clear_sign(more, key("stranger")),
}


@pytest.mark.parametrize("summary", AROUND)
def test_text_around_the_signed_part_is_not_believed(machine: Machine, summary: str) -> None:
    evil = f"SHA256:\n {'0' * 64} 1 main/binary-amd64/Packages.xz\n".encode()
    machine.server.files[IN_RELEASE] = AROUND[summary](machine.server.files[IN_RELEASE], evil)
    try:
        assert versions(machine.connect().find("hello")) == ["1.0-1"]
    except VerificationError:
        assert summary == "in its armor"


def test_a_suite_that_never_expires(machine: Machine) -> None:
    machine.serve(change(repository([HELLO]), date=int(time()) - 900 * DAY, valid=0))
    assert machine.connect().find("hello")


def test_a_snapshot_is_judged_at_its_own_time(machine: Machine) -> None:
    moment, stamp = 1_735_689_600, "20250101T000000Z"
    machine.serve(change(repository([HELLO]), date=moment - 3600, valid=DAY))
    for path, data in list(machine.server.files.items()):
        archive, _, rest = path.partition("/")
        machine.server.files[f"archive/{archive}/{stamp}/{rest}"] = data
    access = Access(Web(Settings(pause=0.0)), machine.store, key().certificate)
    for point, works in ((stamp, True), ("20250103T000000Z", False)):
        mirror = mirrors.named(f"{machine.server.url}/archive/debian/{stamp}", "a test")
        mirror = replace(mirror, time=mirrors.named(f"http://x/debian/{point}", "").time)
        access = replace(access, refresh=not works)
        if works:
            (found,) = apt.connect(distributions.DEBIAN13, AMD64, [mirror], access).find("hello")
            assert found.location.startswith(f"{machine.server.url}/archive/debian/{stamp}/pool/")
        else:
            with pytest.raises(VerificationError, match="expired 25 hours ago"):
                apt.connect(distributions.DEBIAN13, AMD64, [mirror], access)


def lists(server: Server, suite: str = SUITE) -> list[str]:
    """The paths of a suite's list for amd64 that nosh may ask for."""
    folder = f"{suite}/main/binary-amd64"
    data = server.files[f"{folder}/Packages.xz"]
    return [
        f"{folder}/Packages.xz",
        *(path for path, other in server.files.items() if other == data and folder in path),
    ]


LISTS: dict[str, Callable[[bytes], bytes]] = {
    "other bytes of the same size": lambda data: data[:-1] + bytes([data[-1] ^ 1]),
    "fewer bytes": lambda data: data[:-1],
    "more bytes": lambda data: data + b"x",
    "no bytes": lambda _: b"",
    "a million bytes": lambda _: bytes(1 << 20),
}


@pytest.mark.parametrize("by_hash", [True, False], ids=["by hash", "by name"])
@pytest.mark.parametrize("summary", LISTS)
def test_a_list_that_was_not_signed(machine: Machine, *, summary: str, by_hash: bool) -> None:
    machine.serve(change(repository([HELLO]), by_hash=by_hash))
    for path in set(lists(machine.server)):
        machine.server.files[path] = LISTS[summary](machine.server.files[path])
    with pytest.raises(VerificationError, match=r"^cannot trust .*it is not the list that was signed"):
        machine.connect()
    assert list((machine.store.root / "indexes").glob(".*")) == []


def test_a_list_that_is_not_there(machine: Machine) -> None:
    for path in set(lists(machine.server)):
        del machine.server.files[path]
    with pytest.raises(AbsentError):
        machine.connect()
    assert machine.server.count(IN_RELEASE) == 2


def test_a_list_that_lacks_a_field(machine: Machine) -> None:
    bad = replace(HELLO, fields={"Version": ""})
    machine.serve(repository([bad]))
    with pytest.raises(FormatError, match="the stanza of hello lacks a field"):
        machine.connect()


@pytest.mark.parametrize("packed", [("xz", "gz"), ("xz",), ("gz",)], ids=" ".join)
def test_lists_are_packed_in_several_ways(machine: Machine, packed: tuple[str, ...]) -> None:
    machine.serve(change(repository([HELLO]), packed=packed))
    assert machine.connect().find("hello")


def test_a_mirror_in_the_middle_of_an_update_by_hash(machine: Machine) -> None:
    old = machine.server.files[IN_RELEASE]
    machine.serve(repository([replace(HELLO, version="2.0-1")]))
    machine.server.misbehave(IN_RELEASE, Answer(body=old), times=1)
    assert versions(machine.connect().find("hello")) == ["2.0-1"]
    assert machine.server.count(IN_RELEASE) == 2


@pytest.mark.parametrize("more", [0, 50], ids=["with another list", "with a larger list"])
def test_a_mirror_in_the_middle_of_an_update_by_name(machine: Machine, more: int) -> None:
    others = [Package(f"other{number}") for number in range(more)]
    new = change(repository([replace(HELLO, version="2.0-1"), *others]), by_hash=False)
    old = apt_repository.files(change(repository([HELLO, *([Package("x")] * (not more))]), by_hash=False))[IN_RELEASE]
    machine.serve(new).server.misbehave(IN_RELEASE, Answer(body=old), times=1)
    assert versions(machine.connect().find("hello")) == ["2.0-1"]


PACKAGES: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "other bytes of the same size": (lambda data: data[:-9] + b"tampered\n", "names"),
    "fewer bytes": (lambda data: data[:-1], "bytes"),
    "more bytes": (lambda data: data + b"x", "more than"),
    "another package": (lambda _: deb_maker.make(Package("evil")), "names"),
}


@pytest.mark.parametrize("summary", PACKAGES)
def test_a_package_that_is_not_the_one_of_the_list(machine: Machine, summary: str) -> None:
    tamper, text = PACKAGES[summary]
    path = f"debian/{apt_repository.pool(HELLO)}"
    machine.server.files[path] = tamper(machine.server.files[path])
    source = machine.connect()
    (found,) = source.find("hello")
    with pytest.raises(VerificationError, match=f"^cannot trust .*hello_1.0-1_amd64.deb: .*{text}"):
        source.fetch(found)
    assert not machine.store.has(found.digest)
    assert list((machine.store.root / "tmp").iterdir()) == []
    with pytest.raises(StoreError):
        source.open(found)


def test_a_package_that_is_not_there(machine: Machine) -> None:
    source = machine.connect()
    (found,) = source.find("hello")
    del machine.server.files[f"debian/{apt_repository.pool(HELLO)}"]
    with pytest.raises(AbsentError, match=r"hello_1\.0-1_amd64\.deb"):
        source.fetch(found)


def test_a_package_that_arrives_at_the_second_try(machine: Machine) -> None:
    path = f"debian/{apt_repository.pool(HELLO)}"
    machine.server.misbehave(path, Answer(cut=100), times=1)
    source = machine.connect()
    source.fetch(*source.find("hello"))
    assert machine.server.count(path) == 2


def test_many_threads_that_want_a_package_fetch_it_once(machine: Machine) -> None:
    path = f"debian/{apt_repository.pool(HELLO)}"
    machine.server.misbehave(path, Answer(pause=0.05))
    source = machine.connect()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(source.fetch, source.find("hello") * 8))
    assert machine.server.count(path) == 1


def test_the_newest_version_of_all_suites_wins(machine: Machine) -> None:
    machine.serve(
        repository(
            [HELLO, Package("only-here")],
            updates=[replace(HELLO, version="1.0-1~deb13u9")],
            security=[replace(HELLO, version="1.0-1+deb13u1")],
        )
    )
    source = machine.connect()
    assert versions(source.find("hello")) == ["1.0-1", "1.0-1+deb13u1", "1.0-1~deb13u9"]
    newest, other = exact.pick(["hello", "only-here"], source.find, source.names)
    assert (newest.version, newest.origin) == ("1.0-1+deb13u1", "debian trixie-security")
    assert newest.location.startswith(f"{machine.server.url}/debian-security/pool/")
    assert other.origin == "debian trixie"


def test_lists_are_asked_for_once_an_hour(machine: Machine) -> None:
    machine.connect()
    asked = len(machine.server.asked)
    machine.serve(repository([replace(HELLO, version="2.0-1")]))
    assert versions(machine.connect().find("hello")) == ["1.0-1"]
    assert len(machine.server.asked) == asked
    assert versions(machine.connect(refresh=True).find("hello")) == ["2.0-1"]


def test_a_list_that_did_not_change_is_not_fetched_again(machine: Machine) -> None:
    machine.connect()
    machine.connect(refresh=True)
    assert [machine.server.count(path) for path in lists(machine.server)[1:]] == [0, 1]
    assert machine.server.count(IN_RELEASE) == 2


def test_offline_what_was_there_is_used_and_nobody_is_asked(machine: Machine) -> None:
    with pytest.raises(NetworkError, match="--offline"):
        machine.connect(offline=True)
    source = machine.connect()
    (found,) = source.find("hello")
    source.fetch(found)
    asked = len(machine.server.asked)
    again = machine.connect(offline=True)
    again.fetch(*again.find("hello"))
    with again.open(found) as file:
        assert file.read() == deb_maker.make(HELLO)
    assert len(machine.server.asked) == asked


def test_an_older_state_keeps_the_newer_lists_and_says_so(machine: Machine) -> None:
    now = int(time())
    machine.serve(change(repository([replace(HELLO, version="2.0-1")]), date=now)).connect()
    machine.serve(change(repository([HELLO]), date=now - DAY))
    assert versions(machine.connect(refresh=True).find("hello")) == ["2.0-1"]
    assert len([text for text in machine.warnings.heard if "older than what it showed before" in text]) == 3


def test_an_older_state_is_refused_when_the_newer_lists_are_gone(machine: Machine) -> None:
    machine.connect()
    shutil.rmtree(machine.store.root / "indexes")
    machine.serve(change(repository([HELLO]), date=int(time()) - DAY))
    with pytest.raises(VerificationError, match="older than what it showed before"):
        machine.connect()


def test_lists_that_were_lost_are_fetched_again(machine: Machine) -> None:
    machine.connect()
    shutil.rmtree(machine.store.root / "indexes")
    assert machine.connect().find("hello")


def test_a_damaged_table_is_an_error_that_names_it(machine: Machine) -> None:
    machine.connect()
    for path in (machine.store.root / "indexes").glob("*.sqlite"):
        path.write_bytes(b"no table" * 1000)
    source = machine.connect()
    with pytest.raises(StoreError, match=r"cannot read .*\.sqlite: ") as caught:
        source.find("hello")
    assert "remove this file" in caught.value.hint


def test_insecure_takes_everything_and_warns(machine: Machine) -> None:
    machine.serve(repository([HELLO], signer=key("stranger")))
    assert machine.connect(insecure=True).find("hello")
    warned = [text for text in machine.warnings.heard if "without checking its signature (--insecure)" in text]
    assert len(warned) == 3
    machine.serve(replace(repository([replace(HELLO, version="2.0-1")]), key=None))
    assert versions(machine.connect(insecure=True, refresh=True).find("hello")) == ["2.0-1"]


def test_what_was_taken_without_a_signature_is_not_believed_afterwards(machine: Machine) -> None:
    machine.serve(repository([HELLO], signer=key("stranger")))
    machine.connect(insecure=True)
    with pytest.raises(VerificationError, match="no valid signature"):
        machine.connect()
    with pytest.raises(NetworkError, match="--offline"):
        machine.connect(offline=True)


@pytest.mark.parametrize("text", [b"", b"no fields", b"-----BEGIN PGP SIGNED MESSAGE-----\n\n", bytes(range(256))])
def test_insecure_still_needs_a_repository(machine: Machine, text: bytes) -> None:
    machine.server.files[IN_RELEASE] = text
    with pytest.raises(VerificationError, match=r"cannot trust .*/InRelease: "):
        machine.connect(insecure=True)


def test_the_next_mirror_is_tried_when_one_fails(machine: Machine, tmp_path: Path) -> None:
    files = apt_repository.files(repository([HELLO], signer=key("stranger")))
    stranger = mirrors.named(apt_repository.write(files, tmp_path / "stranger"), "")
    absent = mirrors.named(f"file:{tmp_path}/none/debian", "")
    good = mirrors.named(f"{machine.server.url}/debian", "")
    access = Access(Web(Settings(pause=0.0)), machine.store, key().certificate)

    def connect(*those: mirrors.Mirror) -> Repository:
        return apt.connect(distributions.DEBIAN13, AMD64, those, access)

    assert connect(absent, stranger, good).mirror == good
    with pytest.raises(NetworkError, match="none"):
        connect(absent, stranger)
    with pytest.raises(VerificationError, match="stranger"):
        connect(stranger, absent)


def test_a_folder_is_a_mirror(tmp_path: Path) -> None:
    address = apt_repository.write(apt_repository.files(repository([HELLO])), tmp_path / "mirror")
    access = Access(Web(Settings(offline=True)), Store(tmp_path / "store"), key().certificate)
    source = apt.connect(distributions.DEBIAN13, AMD64, [mirrors.named(address, "")], access)
    source.fetch(*source.find("hello"))


def test_packages_that_have_a_file(machine: Machine) -> None:
    library = File(b"x")
    machine.serve(
        repository(
            [
                Package("one", files={"usr/lib/libx.so.1": library, "usr/lib/libx.so.10": library}),
                Package("two", files={"usr/lib/libx.so.1": library, "opt/a b/libx.so.1": library}),
            ]
        )
    )
    source = machine.connect()
    assert source.providers("/libx.so.1") == ("two", "one")
    assert source.providers("/a b/libx.so.1") == ("two",)
    assert source.providers("/liby.so.1") == ()


CONTENTS: dict[str, Callable[[bytes], bytes]] = {
    "cut short": lambda data: data[:-20],
    "no gzip": lambda _: b"<html>" * 100,
    "damaged": lambda data: data[:12] + bytes(40) + data[52:],
    "with a line without an end": lambda _: deb_maker.compress(b"x" * (2 << 20), "gz"),
    "with a name that is no text": lambda _: deb_maker.compress(b"usr/bin/hello misc/\xff\n", "gz"),
}


@pytest.mark.parametrize("summary", CONTENTS)
def test_a_list_of_contents_that_cannot_be_read(machine: Machine, summary: str) -> None:
    source = machine.connect()
    path = f"{SUITE}/main/Contents-amd64.gz"
    machine.server.files[path] = CONTENTS[summary](machine.server.files[path])
    with pytest.raises(FormatError, match=r"^cannot read list of contents http.*: it is damaged"):
        source.providers("/hello")
