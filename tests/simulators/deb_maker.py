"""Makes .deb files from values (deb(5)): honest ones, and those that an attacker would make.

The archives are written with Python's own tarfile, so that nosh's reader is compared with somebody else's writer.
"""

import gzip
import hashlib
import io
import lzma
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from backports import zstd

# An arbitrary second, so that every run makes the same bytes.
TIME = 1_700_000_000
COMPRESSIONS = ("xz", "gz", "zst", "")


@dataclass(frozen=True, slots=True)
class File:
    """A file with its contents; `mtime` is that of the package unless it is given."""

    data: bytes = b""
    mode: int = 0o644
    mtime: int | None = None
    uid: int = 0
    gid: int = 0


@dataclass(frozen=True, slots=True)
class Folder:
    """A directory."""

    mode: int = 0o755
    mtime: int | None = None


@dataclass(frozen=True, slots=True)
class Symlink:
    """A symbolic link."""

    target: str


@dataclass(frozen=True, slots=True)
class Hardlink:
    """Another name of a file of the package; `target` is written as the paths are, without ``./``."""

    target: str


Content = File | Folder | Symlink | Hardlink


@dataclass(frozen=True, slots=True)
class Raw:
    """A member of the data archive exactly as it is said: any name, any type of tarfile, any target."""

    name: str
    type: bytes = tarfile.REGTYPE
    data: bytes = b""
    target: str = ""


@dataclass(frozen=True, slots=True)
class Package:
    """A package to make.

    Attributes:
        files: path without a slash before it -> contents; folders above them are added.
        fields: further control fields, or others in place of the usual.
        compression: of both archives: ``xz``, ``gz``, ``zst`` or nothing.
        time: seconds since 1970 at which it says it was made.
        raw: members that follow the files in the data archive.
        data: a compressed data archive in place of the one that is made of files and raw members.
    """

    name: str
    version: str = "1.0-1"
    architecture: str = "amd64"
    files: Mapping[str, Content] = field(default_factory=dict)
    fields: Mapping[str, str] = field(default_factory=dict)
    compression: str = "xz"
    time: int = TIME
    raw: tuple[Raw, ...] = ()
    data: bytes | None = None


def make(package: Package) -> bytes:
    """Return the bytes of a package; the same package gives the same bytes."""
    ending = f".{package.compression}" if package.compression else ""
    members = {
        "debian-binary": b"2.0\n",
        f"control.tar{ending}": compress(_control_archive(package), package.compression),
        f"data.tar{ending}": data_archive(package) if package.data is None else package.data,
    }
    return ar(members, time=package.time)


def control(package: Package) -> dict[str, str]:
    """Return the fields of the package's control file."""
    return {
        "Package": package.name,
        "Version": package.version,
        "Architecture": package.architecture,
        "Maintainer": "Nobody <nobody@example.org>",
        "Description": f"{package.name} for tests",
        **package.fields,
    }


def ar(members: Mapping[str, bytes], *, time: int = TIME) -> bytes:
    """Return an ar archive with these members in their order."""
    parts = [b"!<arch>\n"]
    for name, data in members.items():
        parts.append(f"{name:<16}{time:<12}{0:<6}{0:<6}{100644:<8}{len(data):<10}`\n".encode())
        parts.append(data + b"\n" * (len(data) % 2))
    return b"".join(parts)


def compress(data: bytes, compression: str) -> bytes:
    """Compress bytes with ``xz``, ``gz``, ``zst`` or not at all."""
    if compression == "xz":
        return lzma.compress(data, preset=0)
    if compression == "gz":
        return gzip.compress(data, mtime=0)
    return zstd.compress(data) if compression == "zst" else data


def data_archive(package: Package) -> bytes:
    """Return the compressed data archive of a package."""
    members = [(_about("./", tarfile.DIRTYPE, 0o755, package.time), b"")]
    members += [_member(path, content, package.time) for path, content in _with_folders(package.files)]
    for raw in package.raw:
        about = _about(raw.name, raw.type, 0o644, package.time)
        about.linkname = raw.target
        members.append((about, raw.data))
    return compress(_tar(members), package.compression)


def bomb(size: int, *, name: str = "./usr/share/zeroes") -> bytes:
    """Return a data archive of a few kilobytes (zstd) with one file of `size` zeroes."""
    about = tarfile.TarInfo(name)
    about.size, about.mtime = size, TIME
    compressor = zstd.ZstdCompressor()
    parts = [compressor.compress(about.tobuf(tarfile.GNU_FORMAT))]
    block = bytes(1 << 20)
    parts += [compressor.compress(block) for _ in range(size >> 20)]
    parts.append(compressor.compress(bytes(size % (1 << 20) + -size % 512 + 1024)))
    return b"".join([*parts, compressor.flush()])


def _control_archive(package: Package) -> bytes:
    text = "".join(f"{name}: {value}\n" for name, value in control(package).items())
    files = {"./control": text.encode()}
    sums = "".join(
        f"{hashlib.md5(content.data).hexdigest()}  {path}\n"
        for path, content in sorted(package.files.items())
        if isinstance(content, File)
    )
    if sums:
        files["./md5sums"] = sums.encode()
    return _tar(
        [(_about("./", tarfile.DIRTYPE, 0o755, package.time), b"")]
        + [(_about(name, tarfile.REGTYPE, 0o644, package.time), data) for name, data in files.items()]
    )


def _with_folders(files: Mapping[str, Content]) -> Iterator[tuple[str, Content]]:
    every: dict[str, Content] = {}
    for path in files:
        parts = path.split("/")
        every |= {"/".join(parts[:depth]): Folder() for depth in range(1, len(parts))}
    every |= files
    # A hard link has to follow the file it is another name of.
    yield from sorted(every.items(), key=lambda item: (isinstance(item[1], Hardlink), item[0]))


def _member(path: str, content: Content, time: int) -> tuple[tarfile.TarInfo, bytes]:
    name = f"./{path}"
    if isinstance(content, Folder):
        return _about(f"{name}/", tarfile.DIRTYPE, content.mode, time if content.mtime is None else content.mtime), b""
    if isinstance(content, File):
        about = _about(name, tarfile.REGTYPE, content.mode, time if content.mtime is None else content.mtime)
        about.uid, about.gid = content.uid, content.gid
        return about, content.data
    hard = isinstance(content, Hardlink)
    about = _about(name, tarfile.LNKTYPE if hard else tarfile.SYMTYPE, 0o644 if hard else 0o777, time)
    about.linkname = f"./{content.target}" if hard else content.target
    return about, b""


def _about(name: str, kind: bytes, mode: int, time: int) -> tarfile.TarInfo:
    about = tarfile.TarInfo(name)
    about.type, about.mode, about.mtime = kind, mode, time
    about.uname = about.gname = "root"
    return about


def _tar(members: list[tuple[tarfile.TarInfo, bytes]]) -> bytes:
    with io.BytesIO() as out:
        with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as archive:
            for about, data in members:
                about.size = len(data)
                archive.addfile(about, io.BytesIO(data))
        return out.getvalue()


# What no archive may have; nosh's reader refuses each with a message that has these words.
HOSTILE_MEMBERS: Mapping[str, tuple[tuple[Raw, ...], str]] = {
    "an absolute path": ((Raw("/etc/passwd", data=b"x"),), "absolute path"),
    "a path that climbs out": ((Raw("./../../etc/passwd", data=b"x"),), "leaves the root"),
    "a path that climbs out later": ((Raw("./usr/../../x", data=b"x"),), "leaves the root"),
    "a character device": ((Raw("./dev/null", tarfile.CHRTYPE),), "is a device"),
    "a block device": ((Raw("./dev/sda", tarfile.BLKTYPE),), "is a device"),
    "a pipe": ((Raw("./run/pipe", tarfile.FIFOTYPE),), "is a device"),
    "a hard link that leads out": ((Raw("./usr/x", tarfile.LNKTYPE, target="../../etc/shadow"),), "leaves the root"),
    "a hard link to an absolute path": ((Raw("./usr/x", tarfile.LNKTYPE, target="/etc/shadow"),), "absolute path"),
}
# What each member alone may be, but not all of them together.
HOSTILE_TOGETHER: Mapping[str, tuple[tuple[Raw, ...], str]] = {
    "a hard link to what is not there": ((Raw("./usr/x", tarfile.LNKTYPE, target="./etc/shadow"),), "not in it"),
    "a file through a link": ((Raw("./a", tarfile.SYMTYPE, target="/etc"), Raw("./a/b", data=b"x")), "no folder"),
    "a file below a file": ((Raw("./a", data=b"x"), Raw("./a/b", data=b"x")), "no folder"),
    "a file in place of a folder": ((Raw("./a/", tarfile.DIRTYPE), Raw("./a", data=b"x")), "no folder"),
    "a file twice": ((Raw("./a", data=b"x"), Raw("./a", data=b"x")), "twice"),
    "a file twice with other contents": ((Raw("./a", data=b"x"), Raw("./a", data=b"y")), "twice"),
    "a link in place of a file": ((Raw("./a", data=b"x"), Raw("./a", tarfile.SYMTYPE, target="b")), "twice"),
}
