"""Platforms by the names of OCI, Debian, GNU, npm and the kernel."""

import os

import pytest

from nosh.values import platform
from nosh.values.errors import UsageError
from nosh.values.platform import Platform

AMD64, ARM64 = Platform("amd64"), Platform("arm64", "v8")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("linux/amd64", AMD64),
        ("amd64", AMD64),
        ("x86_64", AMD64),
        ("linux/x86_64", AMD64),
        ("linux/arm64", ARM64),
        ("linux/arm64/v8", ARM64),
        ("arm64", ARM64),
        ("aarch64", ARM64),
    ],
)
def test_names_of_platforms(text: str, expected: Platform) -> None:
    assert platform.parse(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "", "/", "linux", "linux/", "vax", "linux/vax", "windows/amd64", "darwin/arm64", "AMD64",
        "linux/amd64/v3", "linux/arm64/v9", "linux/arm64/v8/x", "arm64/v8", " amd64", "amd64\n",
    ],
)  # fmt: skip
def test_platforms_that_nosh_does_not_build_for(text: str) -> None:
    with pytest.raises(UsageError, match="cannot build for platform") as caught:
        platform.parse(text)
    assert caught.value.hint == "one of linux/amd64, linux/arm64"


def test_every_platform_has_all_its_names() -> None:
    assert {str(one): (one.debian, one.triplet, one.node) for one in platform.ALL} == {
        "linux/amd64": ("amd64", "x86_64-linux-gnu", "x64"),
        "linux/arm64": ("arm64", "aarch64-linux-gnu", "arm64"),
    }
    assert all(platform.parse(str(one)) == one for one in platform.ALL)


def test_the_kernel_s_name_of_this_machine() -> None:
    assert platform.host() == os.uname().machine
