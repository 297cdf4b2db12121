"""The tar for `docker load`: Python's tarfile reads it, Docker's part and the layout's name the same blobs."""

import io
import json
import tarfile
from pathlib import Path

import pytest
from tests.simulators import small_image, trees

from nosh.oci import docker_archive, edit, layout
from nosh.oci.config import History
from nosh.oci.image import Image
from nosh.values import digest
from nosh.values.errors import InputError, VerificationError


def image(root: Path, compressor: str = "gzip") -> Image:
    with small_image.press(root, compressor=compressor) as press:
        one = small_image.make(press, [trees.file("a", "1")])
        layer, _ = small_image.make_layer(press, [trees.file("b", "2" * 5000)])
        return edit.append(one, layer, History("second"))


def archive(one: Image, name: str = "hello:latest", *, docker: bool = True) -> bytes:
    out = io.BytesIO()
    docker_archive.write(one, out.write, name, docker=docker)
    return out.getvalue()


def files(data: bytes) -> dict[str, bytes]:
    found = {}
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as opened:
        for info in opened:
            body = opened.extractfile(info)
            if body:
                found[info.name] = body.read()
    return found


def test_docker_s_part_names_blobs_that_are_there(tmp_path: Path) -> None:
    one = image(tmp_path)
    found = files(archive(one))
    [about] = json.loads(found["manifest.json"])
    assert about["RepoTags"] == ["hello:latest"]
    assert found[about["Config"]] == one.config_bytes
    assert [digest.of(found[layer]) for layer in about["Layers"]] == [layer.digest for layer in one.layers]


@pytest.mark.parametrize("docker", [True, False])
def test_it_is_a_layout_as_well(tmp_path: Path, *, docker: bool) -> None:
    one = image(tmp_path / "store")
    found = files(archive(one, docker=docker))
    assert ("manifest.json" in found) is docker
    for path, data in found.items():
        (tmp_path / "layout" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "layout" / path).write_bytes(data)
    again = layout.read(tmp_path / "layout", "hello:latest")
    assert again.manifest_bytes == one.manifest_bytes
    [item] = layout.read_index(tmp_path / "layout").manifests
    assert item.annotations.get("io.containerd.image.name") == ("docker.io/library/hello:latest" if docker else None)


def test_the_bytes_depend_on_image_and_name_only(tmp_path: Path) -> None:
    one = archive(image(tmp_path / "1"))
    assert one == archive(image(tmp_path / "2"))
    assert one != archive(image(tmp_path / "1"), "other:latest")
    assert len(one) % 512 == 0
    assert sorted(files(one)) == list(files(one)), "in the order of their names"
    with tarfile.open(fileobj=io.BytesIO(one)) as opened:
        assert {(info.mtime, info.uid, info.gid, info.uname) for info in opened} == {(0, 0, 0, "")}


def test_docker_gets_no_zstd(tmp_path: Path) -> None:
    one = image(tmp_path, "zstd")
    with pytest.raises(InputError, match="cannot write docker-archive") as caught:
        archive(one)
    assert "--compression gzip" in caught.value.hint
    assert len(files(archive(one, docker=False))) == 6


def test_a_damaged_layer_is_noticed(tmp_path: Path) -> None:
    one = image(tmp_path)
    path = tmp_path / "blobs/sha256" / digest.hex_of(one.layers[1].digest)
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(VerificationError, match="have changed on disk"):
        archive(one)


def test_a_layer_that_comes_twice_is_written_once(tmp_path: Path) -> None:
    one = image(tmp_path)
    config = one.config
    twice = edit.compose(config, (one.layers[0], one.layers[0]), {}, one.open)
    with tarfile.open(fileobj=io.BytesIO(archive(twice))) as opened:
        names = opened.getnames()
    assert len(names) == len(set(names))
