"""Pieces and layers: a layer is a tar that everybody reads, by the same bytes on any number of cores."""

import gzip
import hashlib
import io
import tarfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from backports import zstd
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.simulators import elf_maker, small_image, trees
from tests.simulators.samples import sample
from tests.simulators.small_image import press
from tests.simulators.trees import Member, file, folder, hardlink, symlink

from nosh.formats import compression, tar
from nosh.oci import piece
from nosh.oci.layer import Layer
from nosh.oci.piece import Press
from nosh.values import digest
from nosh.values.binary import Binary
from nosh.values.entry import Entry, Kind
from nosh.values.errors import ConflictError, FormatError, StoreError, VerificationError

LIBRARY = Binary(bits=64, little=True, machine=62, type=3, dynamic=True, soname="liba.so.1", needed=("libc.so.6",))
# More than one member of any compressor, and no whole number of them.
BIG = sample(1 << 16) * 140

ONE = [
    folder("usr"),
    folder("usr/bin", 0o750),
    file("usr/bin/a", "A", 0o755),
    hardlink("usr/bin/b", "usr/bin/a"),
    symlink("bin", "usr/bin"),
    file("usr/größe", ""),
]
TWO = [folder("usr"), folder("usr/lib"), file("usr/lib/big", BIG), file("n" * 300, "long")]
OUTLINE = {
    "/usr": "folder 0755",
    "/usr/bin": "folder 0750",
    "/usr/lib": "folder 0755",
    "/usr/bin/a": f"file 0755 {trees.digest('A')}",
    "/usr/bin/b": "same file as /usr/bin/a",
    "/bin": "-> usr/bin",
    "/usr/größe": f"file 0644 {trees.digest('')}",
    "/usr/lib/big": f"file 0644 {trees.digest(BIG)}",
    f"/{'n' * 300}": f"file 0644 {trees.digest('long')}",
}


def plain(press: Press, layer: Layer) -> bytes:
    with press.store.open(layer.digest) as opened:
        data = opened.read()
    assert (digest.of(data), len(data)) == (layer.digest, layer.size)
    # Read by other people's programs.
    return gzip.decompress(data) if press.compressor.format == "gzip" else zstd.decompress(data)


@pytest.mark.parametrize("compressor", compression.NAMES)
def test_a_layer_is_a_tar_that_python_reads(tmp_path: Path, compressor: str) -> None:
    with press(tmp_path, compressor=compressor) as one:
        layer, _ = small_image.make_layer(one, ONE, TWO)
        data = plain(one, layer)
    assert (digest.of(data), len(data)) == (layer.diff_id, layer.tar_size)
    assert trees.of_tar(data) == OUTLINE
    assert data.endswith(tar.END)
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        assert archive.getnames()[:3] == ["usr", "usr/bin", "usr/lib"], "folders come first"


@pytest.mark.parametrize("compressor", compression.NAMES)
def test_the_number_of_cores_changes_no_byte(tmp_path: Path, compressor: str) -> None:
    layers = []
    for cores in (1, 2, 5):
        with press(tmp_path / str(cores), compressor=compressor, cores=cores) as one:
            layers.append(small_image.make_layer(one, ONE, TWO))
    assert layers[0] == layers[1] == layers[2]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(1, 1_500_000), min_size=1, max_size=5))
def test_how_contents_arrive_changes_no_byte(tmp_path_factory: pytest.TempPathFactory, cuts: list[int]) -> None:
    root = tmp_path_factory.mktemp("store")
    data = BIG[:2_500_000]

    def chunks() -> Iterator[bytes | memoryview]:
        at = 0
        for number, cut in enumerate(cuts):
            part = data[at : at + cut]
            yield memoryview(part) if number % 2 else part
            at += cut
        yield data[at:]

    entry = Entry("a", Kind.FILE, 0o644, size=len(data))
    with press(root, compressor="fast") as one:
        assert piece.make(one, [(entry, chunks())], time=0) == piece.make(one, [(entry, (data,))], time=0)


def test_a_piece_has_neither_folders_nor_an_end(tmp_path: Path) -> None:
    with press(tmp_path) as one:
        made = piece.make(one, ONE, time=7)
        with one.store.open(made.digest) as opened:
            packed = opened.read()
    data = gzip.decompress(packed)
    assert trees.of_tar(data) == {path: line for path, line in OUTLINE.items() if path in _paths(ONE, folders=False)}
    assert not data.endswith(tar.END)
    assert (made.size, made.tar_size, made.time) == (len(packed), len(data), 7)
    assert [entry.path for entry in made.directories] == ["usr", "usr/bin"]
    assert [node.digest[:8] for node in made.nodes] == [trees.digest("A"), "", "", trees.digest("")]


def _paths(members: Sequence[Member], *, folders: bool) -> set[str]:
    return {f"/{entry.path}" for entry, _ in members if folders or entry.kind is not Kind.DIRECTORY}


def test_members_have_the_compressor_s_size(tmp_path: Path) -> None:
    with press(tmp_path, compressor="fast") as one:
        made = piece.make(one, TWO, time=0)
        assert len(made.members) == -(-made.tar_size // one.compressor.member)
        assert sum(made.members) == made.size
        with one.store.open(made.digest) as opened:
            sizes = [len(gzip.decompress(opened.read(size))) for size in made.members]
    assert set(sizes[:-1]) == {one.compressor.member}


def test_a_piece_of_folders_only_and_one_of_nothing(tmp_path: Path) -> None:
    with press(tmp_path) as one:
        layer, pieces = small_image.make_layer(one, [folder("a")], [])
        assert [made.tar_size for made in pieces] == [0, 0]
        assert trees.of_tar(plain(one, layer)) == {"/a": "folder 0755"}
        layer, _ = small_image.make_layer(one, [])
        assert trees.of_tar(plain(one, layer)) == {}


def test_a_file_of_the_disk_is_as_good_as_one_in_memory(tmp_path: Path) -> None:
    program = elf_maker.make(LIBRARY)
    (tmp_path / "program").write_bytes(program)
    (tmp_path / "text").write_bytes(BIG)
    (tmp_path / "empty").write_bytes(b"")
    members = [file("a", program), file("b", BIG), file("c", b"")]
    places = [tmp_path / name for name in ("program", "text", "empty")]
    with press(tmp_path / "store") as one:
        by_path = piece.make(one, [(entry, path) for (entry, _), path in zip(members, places, strict=True)], time=0)
        assert by_path == piece.make(one, members, time=0)
    assert [node.binary for node in by_path.nodes] == [LIBRARY, None, None]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 6), max_size=6))
def test_a_program_is_known_however_it_arrives(tmp_path_factory: pytest.TempPathFactory, sizes: list[int]) -> None:
    data = elf_maker.make(LIBRARY)
    entry, _ = file("a", data)

    def chunks() -> Iterator[bytes]:
        at = 0
        for size in sizes:
            yield data[at : at + size]
            at += size
        yield data[at:]

    with press(tmp_path_factory.mktemp("store")) as one:
        made = piece.make(one, [(entry, chunks())], time=0)
    assert [(node.binary, node.digest[:8]) for node in made.nodes] == [(LIBRARY, trees.digest(data))]


def test_what_only_begins_like_a_program_is_a_file(tmp_path: Path) -> None:
    with press(tmp_path) as one:
        made = piece.make(one, [file("a", b"\x7fELF and so on"), file("b", b"\x7fEL"), file("c", b"")], time=0)
    assert [node.binary for node in made.nodes] == [None, None, None]


@pytest.mark.parametrize("said", [0, 2, 4])
def test_a_file_of_another_size_than_it_says_is_refused(tmp_path: Path, said: int) -> None:
    (tmp_path / "x").write_bytes(b"abc")
    with press(tmp_path / "store") as one:
        for body in ((b"abc",), tmp_path / "x"):
            with pytest.raises(FormatError, match=f"cannot read /a: it has 3 bytes, not {said}"):
                piece.make(one, [(Entry("a", Kind.FILE, 0o644, size=said), body)], time=0)
    assert [path for path in (tmp_path / "store").rglob("*") if path.is_file()] == []


def test_a_file_that_is_gone_is_told(tmp_path: Path) -> None:
    with press(tmp_path) as one, pytest.raises(StoreError, match=r"cannot read .*gone"):
        piece.make(one, [(Entry("a", Kind.FILE, 0o644, size=1), tmp_path / "gone")], time=0)


def test_a_piece_is_found_again(tmp_path: Path) -> None:
    with press(tmp_path) as one:
        made = piece.make(one, [*ONE, file("lib", elf_maker.make(LIBRARY))], time=5)
        assert piece.recall("key", one.store) is None
        piece.remember("key", made, one.store)
        assert piece.recall("key", one.store) == made
        assert piece.recall("other", one.store) is None


def test_a_piece_without_its_bytes_is_forgotten(tmp_path: Path) -> None:
    with press(tmp_path) as one:
        made = piece.make(one, ONE, time=5)
        piece.remember("key", made, one.store)
        one.store.path(made.digest).write_bytes(b"shorter")
        assert piece.recall("key", one.store) is None
        one.store.path(made.digest).unlink()
        assert piece.recall("key", one.store) is None


def test_a_record_that_is_none_is_forgotten(tmp_path: Path) -> None:
    with press(tmp_path) as one:
        one.store.remember("piece", "key", record={"digest": 5})
        assert piece.recall("key", one.store) is None


@pytest.mark.parametrize("compressor", compression.NAMES)
def test_a_damaged_piece_is_noticed(tmp_path: Path, compressor: str) -> None:
    with press(tmp_path, compressor=compressor, cores=2) as one:
        made = piece.make(one, TWO, time=0)
        place = one.store.path(made.digest)
        packed = place.read_bytes()
        for at in (0, 5, 30, made.members[0] - 1, made.members[0], len(packed) // 2, len(packed) - 1):
            place.write_bytes(packed[:at] + bytes([packed[at] ^ 0x10]) + packed[at + 1 :])
            with pytest.raises(VerificationError, match="has changed on disk") as caught:
                piece.assemble(one, (), [made])
            assert "verify --repair" in caught.value.hint
        place.write_bytes(packed)
        piece.assemble(one, (), [made])
    assert sum(1 for path in (tmp_path / "blobs/sha256").iterdir()) == 2, "the piece and the last layer"


@pytest.mark.parametrize("compressor", compression.NAMES)
def test_a_piece_that_was_cut_is_noticed(tmp_path: Path, compressor: str) -> None:
    with press(tmp_path, compressor=compressor) as one:
        made = piece.make(one, TWO, time=0)
        place = one.store.path(made.digest)
        packed = place.read_bytes()
        for size in (0, 10, made.members[0], len(packed) - 1):
            place.write_bytes(packed[:size])
            with pytest.raises(VerificationError, match="has changed on disk"):
                piece.assemble(one, (), [made])


def test_a_record_that_does_not_fit_its_piece_is_noticed(tmp_path: Path) -> None:
    with press(tmp_path) as one:
        made = piece.make(one, ONE, time=0)
        wrong = [
            replace(made, tar_size=made.tar_size + 512),
            replace(made, members=made.members[:-1]),
            replace(made, members=(*made.members, 5)),
            replace(made, members=(made.members[0] - 1,)),
        ]
        for other in wrong:
            with pytest.raises(VerificationError, match="has changed on disk"):
                piece.assemble(one, (), [other])


def test_a_piece_that_is_gone_is_told(tmp_path: Path) -> None:
    with press(tmp_path) as one:
        made = piece.make(one, ONE, time=0)
        one.store.path(made.digest).unlink()
        with pytest.raises(StoreError, match="cannot read"):
            piece.assemble(one, (), [made])


def test_layers_share_the_bytes_of_their_pieces(tmp_path: Path) -> None:
    with press(tmp_path) as one:
        layer, (first, second) = small_image.make_layer(one, ONE, TWO)
        whole = one.store.path(layer.digest).read_bytes()
        for made in (first, second):
            assert one.store.path(made.digest).read_bytes() in whole


_members = st.lists(
    st.builds(file, st.text("abcü/", min_size=1, max_size=12).filter(lambda path: path == tar.clean("./" + path))),
    max_size=6,
    unique_by=lambda member: member[0].path,
)


@settings(max_examples=50, deadline=None)
@given(_members)
def test_any_layer_has_each_path_once(tmp_path_factory: pytest.TempPathFactory, members: list[Member]) -> None:
    with press(tmp_path_factory.mktemp("store")) as one, suppress(ConflictError):
        layer, _ = small_image.make_layer(one, members)
        found = trees.of_tar(plain(one, layer))
        assert _paths(members, folders=True) <= set(found)
        assert layer.diff_id == "sha256:" + hashlib.sha256(plain(one, layer)).hexdigest()
