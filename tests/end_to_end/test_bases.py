"""Base images from real packages: every family, release and architecture, and what they promise."""

import itertools
from pathlib import Path

import pytest
from tests.end_to_end.conftest import Nosh

from nosh.formats import compression, ldcache, tar
from nosh.oci import layout, validate
from nosh.oci.image import Image
from nosh.values.entry import Entry, Kind

pytestmark = [pytest.mark.packages, pytest.mark.xdist_group("packages")]
FAMILIES = ("static", "base-nossl", "base", "cc", "nodejs22")
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def build(nosh: Nosh, tmp_path: Path, name: str, *more: str) -> Image:
    done = nosh("build", name, "-q", "-o", str(tmp_path / "image"), *more)
    assert done.code == 0, done.err
    return layout.read(tmp_path / "image")


def files(image: Image) -> dict[str, Entry]:
    found: dict[str, Entry] = {}
    for layer in image.layers:
        with image.open(layer.digest) as file:
            for entry, _ in tar.read(compression.decompress(file)):
                found[entry.path] = entry
    return found


def content(image: Image, path: str) -> bytes:
    data = b""
    for layer in image.layers:
        with image.open(layer.digest) as file:
            for entry, body in tar.read(compression.decompress(file)):
                if entry.path == path:
                    data = b"".join(body)
    return data


@pytest.mark.parametrize(("family", "release"), [*itertools.product(FAMILIES, ("debian12", "debian13"))])
def test_every_family_is_valid_and_has_what_the_reference_has(
    nosh: Nosh, tmp_path: Path, family: str, release: str
) -> None:
    image = build(nosh, tmp_path, f"{family}-{release}")
    assert validate.check(image) == ()
    assert image.config.user == "65532"
    assert image.config.workdir == "/home/nonroot"
    assert dict(image.config.env) == {"PATH": PATH, "SSL_CERT_FILE": "/etc/ssl/certs/ca-certificates.crt"}
    assert image.config.created > "2025"
    found = files(image)
    assert found["tmp"].mode == 0o1777
    assert (found["home/nonroot"].uid, found["home/nonroot"].gid) == (65532, 65532)
    assert {"etc/passwd", "etc/group", "etc/nsswitch.conf", "usr/lib/os-release", "usr/share/zoneinfo/UTC"} <= set(
        found
    )
    assert not [path for path in found if path.startswith(("usr/share/man/", "usr/share/lintian/"))]
    assert "usr/share/doc/base-files/copyright" in found
    assert "var/lib/dpkg/status.d/tzdata" in found
    assert content(image, "etc/ssl/certs/ca-certificates.crt").count(b"BEGIN CERTIFICATE") > 100
    merged = release == "debian13"
    assert (found.get("lib") is not None and found["lib"].kind is Kind.SYMLINK) is merged
    if merged:
        assert not [path for path in found if path.startswith(("lib/", "bin/", "sbin/", "lib64/"))]
    if family != "static":
        cache = ldcache.read(content(image, "etc/ld.so.cache"))
        assert "libc.so.6" in {library.soname for library in cache.libraries}


def test_checksums_name_only_what_is_there(nosh: Nosh, tmp_path: Path) -> None:
    image = build(nosh, tmp_path, "base")
    found = files(image)
    lists = [path for path in found if path.startswith("var/lib/dpkg/status.d/") and path.endswith(".md5sums")]
    assert len(lists) > 5
    for path in lists:
        for line in content(image, path).decode().splitlines():
            name = line.split("  ", 1)[1]
            assert name in found or f"usr/{name}" in found, (path, name)


@pytest.mark.parametrize("family", ["static", "cc", "nodejs22"])
def test_another_architecture_is_built_from_this_one(nosh: Nosh, tmp_path: Path, family: str) -> None:
    image = build(nosh, tmp_path, family, "--platform", "linux/arm64")
    assert (image.config.platform.architecture, image.config.platform.variant) == ("arm64", "v8")
    assert validate.check(image) == ()


@pytest.mark.parametrize(
    ("variant", "user", "workdir", "entrypoint"),
    [
        ("nonroot", "65532", "/home/nonroot", ()),
        ("root", "0", "/", ()),
        ("debug", "65532", "/home/nonroot", ("/busybox/sh",)),
        ("debug-root", "0", "/", ("/busybox/sh",)),
    ],
)
def test_variants(nosh: Nosh, tmp_path: Path, variant: str, user: str, workdir: str, entrypoint: tuple[str]) -> None:
    config = build(nosh, tmp_path, f"base:{variant}").config
    assert (config.user, config.workdir, config.entrypoint) == (user, workdir, entrypoint)
    assert dict(config.env)["PATH"].endswith(":/busybox") is variant.startswith("debug")


def test_the_reference_s_tag_words_are_understood_with_a_note(nosh: Nosh, tmp_path: Path) -> None:
    done = nosh("build", "static:latest", "-q", "-o", str(tmp_path / "image"))
    assert done.code == 0
    assert "called root" in done.err
    assert layout.read(tmp_path / "image").config.user == "0"


@pytest.mark.parametrize("compression_name", ["fast", "small", "zstd"])
def test_other_compressions_have_the_same_contents(nosh: Nosh, tmp_path: Path, compression_name: str) -> None:
    usual = build(nosh, tmp_path, "base")
    other_folder = tmp_path / "other"
    other_folder.mkdir()
    other = build(nosh, other_folder, "base", "--compression", compression_name)
    assert other.config.diff_ids == usual.config.diff_ids
    assert other.digest != usual.digest
    assert validate.check(other) == ()


def test_a_recipe_of_one_s_own(nosh: Nosh, tmp_path: Path) -> None:
    (tmp_path / "my.toml").write_text('name = "my"\nextends = "base-debian12"\npackages = ["zlib1g"]\n')
    image = build(nosh, tmp_path, str(tmp_path / "my.toml"))
    assert "lib/x86_64-linux-gnu/libz.so.1" in files(image) or "lib/aarch64-linux-gnu/libz.so.1" in files(image)


def test_source_date_epoch_is_the_latest_time_in_the_image(nosh: Nosh, tmp_path: Path) -> None:
    done = nosh("build", "static", "-q", "-o", str(tmp_path / "image"), SOURCE_DATE_EPOCH="1600000000")
    assert done.code == 0, done.err
    image = layout.read(tmp_path / "image")
    assert image.config.created == "2020-09-13T12:26:40Z"
    assert max(entry.mtime for entry in files(image).values()) <= 1600000000


def test_a_layer_for_each_package_has_the_same_files(nosh: Nosh, tmp_path: Path) -> None:
    usual = build(nosh, tmp_path, "base")
    other_folder = tmp_path / "other"
    other_folder.mkdir()
    other = build(nosh, other_folder, "base", "--layers", "package")
    assert files(other) == files(usual)
    assert len(usual.layers) == 2
    assert [entry.created_by for entry in other.config.history][-2:] == [
        "nosh build: base: zlib1g",
        "nosh build: base: ld.so.cache",
    ]
    assert validate.check(other) == ()


def test_a_base_gets_labels_and_its_debug_variant(nosh: Nosh, tmp_path: Path) -> None:
    done = nosh(
        "build", "static", "-t", "mine", "--with-debug", "--label", "a=b", "--revision", "1", "--format", "json"
    )
    assert done.code == 0, done.err
    debug = done.json["debug"]
    assert isinstance(debug, dict)
    assert (done.json["name"], debug["name"]) == ("mine:latest", "mine:latest-debug")
    image = build(nosh, tmp_path, "nodejs22", "--label", "a=b", "--revision", "1")
    assert image.config.labels["a"] == "b"
    assert image.config.labels["org.opencontainers.image.revision"] == "1"
    assert image.config.labels["org.opencontainers.image.version"].startswith("22.")


def test_what_is_for_apps_is_refused_with_a_base(nosh: Nosh) -> None:
    for words in (("--base", "cc"), ("--allow-secret", ".env")):
        done = nosh("build", "static", *words)
        assert done.code == 2
        assert f"cannot use {words[0]} with static" in done.err
