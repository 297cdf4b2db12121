"""Repositories and packages that are not what they should be, and a small image from those that are."""

import os
import tarfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from time import time

import pytest
from tests.end_to_end.conftest import Finished, start
from tests.simulators import apt_repository, deb_maker, web_server
from tests.simulators.apt_repository import DAY, Repository, change, key, repository
from tests.simulators.deb_maker import File, Hardlink, Package, Raw, Symlink
from tests.simulators.web_server import Answer, Server

HELLO = Package(
    "hello",
    files={
        "usr/bin/hello": File(b"hello\n" * 100, 0o755),
        "usr/bin/hi": Hardlink("usr/bin/hello"),
        "usr/share/hello": Symlink("doc"),
        "usr/share/doc/hello": File(b"how to say hello\n"),
    },
)
TZDATA = Package("tzdata", architecture="all", files={"usr/share/zoneinfo/UTC": File(b"TZif2")})
HELLO_PATH = f"debian/{apt_repository.pool(HELLO)}"
IN_RELEASE = "debian/dists/trixie/InRelease"
LIST = "debian/dists/trixie/main/binary-amd64/"

Files = dict[str, bytes]


@dataclass(frozen=True)
class Desk:
    """A folder with a small recipe and a key ring, and a mirror beside it."""

    folder: Path
    server: Server

    def serve(self, repository: Repository) -> None:
        self.server.files.clear()
        self.server.files.update(apt_repository.files(repository))

    def build(
        self,
        *words: str,
        packages: Iterable[str] = ("hello",),
        more: str = "",
        store: str = "store",
        mirror: str = "",
        epoch: str = "",
    ) -> Finished:
        """Build the packages, with `more` in the recipe."""
        names = ", ".join(f'"{name}"' for name in packages)
        (self.folder / "small.toml").write_text(
            f'name = "small"\nreleases = ["debian13"]\narchitectures = ["amd64", "arm64"]\npackages = [{names}]\n{more}'
        )
        common = ("--store", store, "--mirror", mirror or f"{self.server.url}/debian", "--platform", "linux/amd64")
        ring = () if "--keyring" in words else ("--keyring", "ring.gpg")
        environment = {"SOURCE_DATE_EPOCH": epoch} if epoch else {}
        environment |= {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
        return start(("build", "small.toml", *common, *ring, *words), environment, cwd=self.folder)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    (tmp_path / "ring.gpg").write_bytes(key().certificate)
    with web_server.serve() as server:
        desk = Desk(tmp_path, server)
        desk.serve(repository([HELLO, TZDATA]))
        yield desk


def refused(done: Finished, code: int, *texts: str) -> None:
    assert done.code == code, done.err + done.out
    assert "\nnosh: cannot " in f"\n{done.err}"
    assert "Traceback" not in done.err
    assert "bug in nosh" not in done.err
    for text in texts:
        assert text in done.err
    assert done.out == ""


def digest(done: Finished) -> str:
    assert done.code == 0, done.err
    return done.out.splitlines()[0]


def test_a_small_image_takes_a_moment(desk: Desk) -> None:
    done = desk.build("--format", "json", packages=("hello", "tzdata"))
    assert done.code == 0, done.err
    document = done.json
    assert float(str(document["seconds"])) < 2
    assert [one["name"] for one in listed(document["packages"])] == ["hello", "tzdata"]
    assert [one["origin"] for one in listed(document["packages"])] == ["debian trixie"] * 2


def listed(value: object) -> list[dict[str, object]]:
    assert isinstance(value, list)
    return value


def test_the_same_packages_give_the_same_image_from_wherever_they_come(desk: Desk) -> None:
    folder = apt_repository.write(desk.server.files, desk.folder / "mirror")
    first = digest(desk.build())
    assert digest(desk.build(store="again")) == first
    assert digest(desk.build(store="folder", mirror=folder)) == first
    assert digest(desk.build("--offline", store="offline", mirror=folder)) == first
    assert digest(desk.build("--offline")) == first


def test_how_a_package_was_compressed_does_not_matter(desk: Desk) -> None:
    found = set()
    for compression in deb_maker.COMPRESSIONS:
        desk.serve(repository([replace(HELLO, compression=compression)]))
        found.add(digest(desk.build(store=f"store-{compression}")))
    assert len(found) == 1


def test_a_security_update_is_taken_when_it_is_there(desk: Desk) -> None:
    first = digest(desk.build())
    desk.serve(repository([HELLO], security=[replace(HELLO, version="1.0-1+deb13u1")]))
    assert digest(desk.build()) == first
    assert digest(desk.build("--refresh")) != first


def test_a_busy_mirror_and_a_cut_connection_are_no_reason_to_fail(desk: Desk) -> None:
    desk.server.misbehave(IN_RELEASE, Answer(503), times=1)
    desk.server.misbehave(HELLO_PATH, Answer(cut=100), times=1)
    assert digest(desk.build())


def test_a_mirror_that_shows_an_older_state_is_passed_over_with_a_warning(desk: Desk) -> None:
    first = digest(desk.build())
    desk.serve(change(repository([replace(HELLO, version="0.9-1")]), date=int(time()) - DAY))
    done = desk.build("--refresh")
    assert digest(done) == first
    assert "older than what it showed before" in done.err


REPOSITORIES: dict[str, tuple[Callable[[], Repository], tuple[str, ...]]] = {
    "it has expired": (
        lambda: change(repository([HELLO]), date=int(time()) - 9 * DAY),
        ("InRelease", "expired 48 hours ago", "--mirror URL"),
    ),
    "nobody signed it": (lambda: replace(repository([HELLO]), key=None), ("InRelease", "no valid signature")),
    "a stranger signed it": (lambda: repository([HELLO], signer=key("stranger")), ("InRelease", "no valid signature")),
    "it is of another suite": (lambda: change(repository([HELLO]), codename="sid"), ("it is of sid, not of trixie",)),
    "it vouches with MD5 only": (lambda: change(repository([HELLO]), digests=("MD5Sum",)), ("no SHA-256 digests",)),
    "it is for other machines": (
        lambda: replace(repository([HELLO]), architectures=("riscv64",)),
        ("no packages for amd64", "it has riscv64"),
    ),
}


@pytest.mark.parametrize("summary", REPOSITORIES)
def test_a_repository_that_is_not_to_be_trusted(desk: Desk, summary: str) -> None:
    make, texts = REPOSITORIES[summary]
    desk.serve(make())
    refused(desk.build(), 3, "cannot trust", "127.0.0.1", *texts, "hint: ")


def test_debian_s_own_keys_do_not_sign_the_simulated_repository(desk: Desk) -> None:
    (desk.folder / "empty.gpg").write_bytes(b"")
    refused(desk.build("--keyring", "empty.gpg"), 3, "InRelease", "no valid signature")


def test_insecure_has_to_be_typed_and_is_said(desk: Desk) -> None:
    desk.serve(replace(repository([HELLO]), key=None))
    refused(desk.build(), 3, "no valid signature")
    done = desk.build("--insecure")
    assert digest(done)
    assert done.err.count("without checking its signature (--insecure)") == 3
    refused(desk.build(), 3, "no valid signature")


def change_lists(files: Files, tamper: Callable[[bytes], bytes]) -> None:
    for path in files:
        if path.startswith(LIST):
            files[path] = tamper(files[path])


def change_package(files: Files, tamper: Callable[[bytes], bytes]) -> None:
    files[HELLO_PATH] = tamper(files[HELLO_PATH])


TAMPERED: dict[str, tuple[Callable[[Files], object], tuple[str, ...]]] = {
    "the signed text": (
        lambda files: files.update({IN_RELEASE: files[IN_RELEASE].replace(b"Suite: trixie", b"Suite: stable")}),
        ("dists/trixie/InRelease", "no valid signature"),
    ),
    "a list": (
        lambda files: change_lists(files, lambda data: data[:-1] + bytes([data[-1] ^ 1])),
        ("main/binary-amd64/by-hash/SHA256/", "not the list that was signed"),
    ),
    "a list, which is longer now": (
        lambda files: change_lists(files, lambda data: data + b"x"),
        ("main/binary-amd64/by-hash/SHA256/", "not the list that was signed"),
    ),
    "a package": (
        lambda files: change_package(files, lambda data: data.replace(b"2.0\n", b"2.1\n")),
        ("hello_1.0-1_amd64.deb", "not the file that the package list names"),
    ),
    "a package, which is shorter now": (
        lambda files: change_package(files, lambda data: data[:-10]),
        ("hello_1.0-1_amd64.deb", "not the file that the package list names"),
    ),
    "a package, which is longer now": (
        lambda files: change_package(files, lambda data: data + b"x"),
        ("hello_1.0-1_amd64.deb", "more than"),
    ),
}


@pytest.mark.parametrize("summary", TAMPERED)
def test_what_was_tampered_with_on_the_way(desk: Desk, summary: str) -> None:
    tamper, texts = TAMPERED[summary]
    tamper(desk.server.files)
    refused(desk.build(), 3, "cannot trust", *texts, "hint: ")
    # Nothing of it is left: the honest mirror is believed afterwards.
    desk.serve(repository([HELLO, TZDATA]))
    assert digest(desk.build())


def test_a_package_that_is_not_there(desk: Desk) -> None:
    del desk.server.files[HELLO_PATH]
    refused(desk.build(), 4, "hello_1.0-1_amd64.deb", "no such file (404)")


def test_no_repository_at_all(desk: Desk) -> None:
    desk.server.files.clear()
    refused(desk.build(), 4, "dists/trixie/InRelease", "no such file (404)")


def test_packages_that_are_not_known_and_what_was_meant(desk: Desk) -> None:
    done = desk.build(packages=("helo", "hello", "tzdat"))
    refused(done, 2, "cannot find package helo, tzdat", "hint: did you mean hello?", "did you mean tzdata?")


PART = '[[part]]\npackage = "tzdata"\nfile = "/usr/share/zoneinfo/{}"\npath = "/opt/zone"\n'


@pytest.mark.parametrize("mtime", [0, 1, deb_maker.TIME])
def test_one_file_of_a_package_whenever_it_was_made(desk: Desk, mtime: int) -> None:
    desk.serve(repository([HELLO, replace(TZDATA, files={"usr/share/zoneinfo/UTC": File(b"TZif2", mtime=mtime)})]))
    assert digest(desk.build(more=PART.format("UTC")))


def test_one_file_that_its_package_does_not_have(desk: Desk) -> None:
    refused(desk.build(more=PART.format("Mars")), 2, "/usr/share/zoneinfo/Mars of tzdata 1.0-1", "does not have it")


def test_a_hard_link_whose_file_is_left_out(desk: Desk) -> None:
    done = desk.build(more='cut = ["/usr/bin/hello"]\n')
    refused(done, 3, "cannot unpack hello: /usr/bin/hi is another name of /usr/bin/hello, which is not in it")


def test_no_time_later_than_the_environment_says_goes_into_an_image(desk: Desk) -> None:
    found = {digest(desk.build(epoch=seconds)) for seconds in ("1", "2", "253402300799", "")}
    assert len(found) == 4
    desk.serve(repository([replace(HELLO, time=5, compression="gz")]))
    assert digest(desk.build("--refresh", epoch="1")) in found


def test_two_packages_that_bring_one_path_with_different_contents(desk: Desk) -> None:
    other = Package("goodbye", files={"usr/bin/hello": File(b"goodbye\n", 0o755)})
    desk.serve(repository([HELLO, other]))
    refused(
        desk.build(packages=("hello", "goodbye")),
        2,
        "hello and goodbye",
        "/usr/bin/hello",
        "hint: leave one of them out",
    )


def test_two_packages_that_bring_one_path_with_the_same_contents(desk: Desk) -> None:
    other = Package("goodbye", files={"usr/bin/hello": HELLO.files["usr/bin/hello"]})
    desk.serve(repository([HELLO, other]))
    assert digest(desk.build(packages=("hello", "goodbye")))


HOSTILE: dict[str, tuple[tuple[Raw, ...], str]] = {**deb_maker.HOSTILE_MEMBERS, **deb_maker.HOSTILE_TOGETHER}


@pytest.mark.parametrize("summary", HOSTILE)
def test_a_hostile_package_in_a_signed_repository(desk: Desk, summary: str) -> None:
    members, reason = HOSTILE[summary]
    desk.serve(repository([Package("hello", raw=members)]))
    refused(desk.build(), 3, "cannot unpack hello: ", reason)


DAMAGED: dict[str, tuple[Callable[[], Package], str]] = {
    "a bomb": (lambda: replace(HELLO, compression="zst", data=deb_maker.bomb(300 << 20)), "decompression bomb"),
    "a truncated archive": (lambda: replace(HELLO, data=deb_maker.data_archive(HELLO)[:-60]), "cannot "),
    "no archive": (lambda: replace(HELLO, data=b"<html>"), "it ends inside a header"),
    "a time that no image can have": (lambda: replace(HELLO, time=999_999_999_999), "999999999999 seconds"),
    "a file in place of its record in the package database": (
        lambda: replace(HELLO, raw=(Raw("./var/lib/dpkg/status.d/hello", data=b"Package: evil\n"),)),
        "/var/lib/dpkg/status.d/hello is in it twice",
    ),
    "a link in place of the package database": (
        lambda: replace(HELLO, raw=(Raw("./var/lib/dpkg/status.d", tarfile.SYMTYPE, target="/tmp"),)),
        "/var/lib/dpkg/status.d is no folder",
    ),
}


@pytest.mark.parametrize("summary", DAMAGED)
def test_a_damaged_package_in_a_signed_repository(desk: Desk, summary: str) -> None:
    make, reason = DAMAGED[summary]
    desk.serve(repository([make()]))
    refused(desk.build(), 3, "cannot unpack hello: ", reason)


def test_a_list_that_is_damaged_though_it_is_signed(desk: Desk) -> None:
    desk.serve(repository([replace(HELLO, fields={"Version": ""})]))
    refused(desk.build(), 3, "cannot read package list", "hello")
