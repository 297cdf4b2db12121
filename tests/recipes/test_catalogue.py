"""The recipes that come with nosh: all of them can be read and selected, and they hold what the reference images hold."""

import itertools

import pytest

from nosh.recipes import catalogue, load
from nosh.recipes.load import VARIANTS
from nosh.recipes.recipe import Selected
from nosh.sources import distributions
from nosh.values.account import Group, User
from nosh.values.errors import NotFoundError
from nosh.values.platform import ALL

RELEASES = ("debian12", "debian13")
FAMILIES = ("static", "base-nossl", "base", "cc", "nodejs20", "nodejs22", "nodejs24")
NODES = ("nodejs20", "nodejs22", "nodejs24")


def select(name: str, release: str = "", variant: str = "nonroot") -> Selected:
    return load.select(catalogue.find(name), catalogue.find, release=release, variant=variant)


def packages(name: str, release: str) -> list[str]:
    return [package for level in select(name, release).levels for package in level.packages]


@pytest.mark.parametrize("name", catalogue.names())
def test_every_page_reads_without_mistakes_and_says_what_it_is(name: str) -> None:
    recipe = catalogue.find(name)
    assert recipe.name == name
    assert recipe.summary
    assert recipe.hidden is name.startswith(("slim-", "full-"))


@pytest.mark.parametrize("name", catalogue.names())
def test_every_release_and_variant_can_be_selected(name: str) -> None:
    recipe = catalogue.find(name)
    releases = load.chain_value(recipe, catalogue.find, lambda page: page.releases)
    architectures = load.chain_value(recipe, catalogue.find, lambda page: page.architectures)
    assert set(releases) <= set(distributions.RELEASES)
    assert set(architectures) <= {platform.architecture for platform in ALL}
    for release, variant in itertools.product(releases, VARIANTS):
        found = select(name, release, variant)
        assert (found.release, found.variant) == (release, variant)
        for upstream in (one for level in found.levels for one in level.upstream):
            assert "all" in upstream.digests or set(architectures) <= set(upstream.digests)


@pytest.mark.parametrize("name", FAMILIES)
def test_a_family_is_built_for_both_releases_the_newest_first(name: str) -> None:
    assert load.chain_value(catalogue.find(name), catalogue.find, lambda page: page.releases) == RELEASES[::-1]


# Names and order as the reference images have them; certificates come as one file and are no package there.
STATIC12 = ["base-files", "netbase", "tzdata", "media-types"]
STATIC13 = ["base-files", "netbase", "tzdata", "tzdata-legacy", "media-types"]
BASE12 = [*STATIC12, "libc6", "libssl3"]
BASE13 = [*STATIC13, "libc6", "libssl3t64", "libzstd1", "zlib1g"]
CC12 = [*BASE12, "libgomp1", "libstdc++6", "libgcc-s1", "gcc-12-base"]
CC13 = [*BASE13, "libgomp1", "libstdc++6", "libgcc-s1", "gcc-14-base"]
REFERENCE = {
    ("static", "debian12"): STATIC12,
    ("static", "debian13"): STATIC13,
    ("base-nossl", "debian12"): [*STATIC12, "libc6"],
    ("base-nossl", "debian13"): [*STATIC13, "libc6"],
    ("base", "debian12"): BASE12,
    ("base", "debian13"): BASE13,
    ("cc", "debian12"): CC12,
    ("cc", "debian13"): CC13,
    **{(name, "debian12"): CC12 for name in NODES},
    **{(name, "debian13"): CC13 for name in NODES},
}


@pytest.mark.parametrize(("name", "release"), REFERENCE)
def test_the_packages_are_those_of_the_reference(name: str, release: str) -> None:
    assert packages(name, release) == REFERENCE[name, release]


@pytest.mark.parametrize("release", RELEASES)
def test_the_accounts_are_those_of_the_reference(release: str) -> None:
    levels = select("cc", release).levels
    assert [user for level in levels for user in level.users] == [
        User("root", 0, 0, "/root", 0o700),
        User("nobody", 65534, 65534, "/nonexistent", 0),
        User("nonroot", 65532, 65532, "/home/nonroot", 0o700),
    ]
    assert [group for level in levels for group in level.groups] == [
        Group("root", 0),
        Group("nobody", 65534),
        Group("tty", 5),
        Group("staff", 50),
        Group("nonroot", 65532),
    ]


PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
NODE, SHELL = ("/nodejs/bin/node",), ("/busybox/sh",)


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize(
    ("variant", "user", "workdir"),
    [
        ("nonroot", "65532", "/home/nonroot"),
        ("root", "0", "/"),
        ("debug", "65532", "/home/nonroot"),
        ("debug-root", "0", "/"),
    ],
)
def test_an_image_starts_as_the_reference_does(name: str, release: str, variant: str, user: str, workdir: str) -> None:
    settings = select(name, release, variant).settings
    debug = variant.startswith("debug")
    assert (settings.user, settings.workdir) == (user, workdir)
    assert list(settings.env.items()) == [
        ("PATH", f"{PATH}:/busybox" if debug else PATH),
        ("SSL_CERT_FILE", "/etc/ssl/certs/ca-certificates.crt"),
    ]
    assert settings.entrypoint == (NODE if name in NODES else SHELL if debug else None)
    assert (settings.cmd, settings.stop_signal, dict(settings.labels)) == (None, None, {})


@pytest.mark.parametrize("name", FAMILIES)
def test_only_the_debug_variants_have_a_shell_and_it_is_one_level_more(name: str) -> None:
    plain = select(name).levels
    assert [part for level in plain for part in level.parts] == []
    assert select(name, variant="root").levels == plain
    (shell,) = select(name, variant="debug").levels[len(plain) :]
    (part,) = shell.parts
    assert (part.package, part.path) == ("busybox-static", "busybox/busybox")
    assert {"sh", "ls", "cat", "ps", "wget", "nc"} <= set(part.applets)
    assert len(set(part.applets)) == len(part.applets)
    assert select(name, variant="debug-root").levels == (*plain, shell)


@pytest.mark.parametrize("release", RELEASES)
def test_static_makes_what_no_package_brings(release: str) -> None:
    (level,) = select("static", release).levels
    assert level.identity
    assert level.certificates == "ca-certificates"
    assert [(one.path, one.mode, one.uid) for one in level.directories] == [("tmp", 0o1777, 0)]
    assert [(one.path, one.mode) for one in level.files] == [("etc/nsswitch.conf", 0o644)]
    assert any(line.split() == ["hosts:", "files", "dns"] for line in level.files[0].content.splitlines())


def test_a_family_that_is_not_there_is_told_with_what_is_near() -> None:
    with pytest.raises(NotFoundError) as caught:
        catalogue.find("nodejs23")
    assert "did you mean nodejs2" in caught.value.hint
