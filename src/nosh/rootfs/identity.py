"""What an image says it is: os-release(5)."""

PLACE = "usr/lib/os-release"


def os_release(*, title: str, version: str, codename: str) -> bytes:
    """Return os-release of a distroless image of a Debian release.

    ID and VERSION_ID are Debian's own, because scanners choose their data by them.
    """
    fields = {
        "PRETTY_NAME": f"nosh ({title} {version})",
        "NAME": title,
        "VERSION_ID": version,
        "VERSION": f"{version} ({codename})",
        "VERSION_CODENAME": codename,
        "ID": "debian",
    }
    return "".join(f'{key}="{value}"\n' for key, value in fields.items()).encode()
