"""A package list as an SQLite table, made once for each list and then read in microseconds."""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from nosh.formats.deb.index import Listed
from nosh.outside import store
from nosh.values.errors import StoreError

_SCHEMA = """
create table package (
  name text not null, version text not null, architecture text not null, source text not null,
  filename text not null, size integer not null, sha256 text not null,
  primary key (name, version, architecture)
) without rowid
"""
# A table of another layout gets another name, so that two versions of nosh can share a store.
LAYOUT = 1


def write(path: Path, packages: Iterable[Listed]) -> None:
    """Make a table, whole or not at all.

    Raises:
        StoreError: the disk is full or not writable.
    """
    temporary = path.with_name(f".{path.name}.new")
    with store.guard("write", path), store.lock_file(path.with_suffix(".lock")):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.unlink(missing_ok=True)
        try:
            _fill(temporary, packages)
            temporary.rename(path)
        except sqlite3.Error as error:
            raise store.full(path, str(error)) from error
        finally:
            temporary.unlink(missing_ok=True)


def _fill(path: Path, packages: Iterable[Listed]) -> None:
    database = sqlite3.connect(path, isolation_level=None)
    try:
        database.execute("pragma journal_mode = off")
        database.execute("pragma synchronous = off")
        database.execute("begin")
        database.execute(_SCHEMA)
        rows = (
            (item.name, item.version, item.architecture, item.source, item.filename, item.size, item.sha256)
            for item in packages
        )
        database.executemany("insert or replace into package values (?, ?, ?, ?, ?, ?, ?)", rows)
        database.execute("commit")
    finally:
        database.close()


class Table:
    """An open table; safe to share between threads."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._database = sqlite3.connect(f"file:{path}?immutable=1", uri=True, check_same_thread=False)

    def find(self, name: str) -> Iterator[Listed]:
        """Yield every version of a package.

        Raises:
            StoreError: the table is damaged.
        """
        with self._reading():
            for row in self._database.execute("select * from package where name = ?", (name,)):
                yield Listed(*row)

    def names(self) -> set[str]:
        """Return the names of all packages.

        Raises:
            StoreError: the table is damaged.
        """
        with self._reading():
            return {name for (name,) in self._database.execute("select distinct name from package")}

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise StoreError(
                f"cannot read {self._path}: {error}", hint="remove this file, then build again with --refresh"
            ) from error
