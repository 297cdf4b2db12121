"""Distributions are data: the data has to hold together."""

import pytest
from pysequoia import Cert

from nosh.sources import distributions
from nosh.sources.distributions import RELEASES
from nosh.values.errors import NotFoundError


@pytest.mark.parametrize("name", RELEASES)
def test_every_pinned_key_is_in_the_shipped_ring(name: str) -> None:
    release = RELEASES[name]
    ring = {certificate.fingerprint for certificate in Cert.split_bytes(release.keys())}
    assert release.trusted
    assert set(release.trusted) - ring == set()


@pytest.mark.parametrize("name", RELEASES)
def test_every_suite_is_named_after_its_release(name: str) -> None:
    release = distributions.release(name)
    assert release.name == name
    assert {suite.name.partition("-")[0] for suite in release.suites} == {release.codename}
    assert [suite.archive for suite in release.suites if suite.name.endswith("-security")] == ["debian-security"]


def test_a_release_that_is_not_known() -> None:
    with pytest.raises(NotFoundError, match="cannot use release 'debian1'") as caught:
        distributions.release("debian1")
    assert "debian12" in caught.value.hint
