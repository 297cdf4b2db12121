"""The image configuration: what is written is read back, always by the same bytes; another shape is refused."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nosh.oci import config
from nosh.oci.config import Config, History
from nosh.values import digest, platform
from nosh.values.digest import Digest
from nosh.values.errors import FormatError
from nosh.values.platform import Platform

_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
_texts = st.lists(_text, max_size=4).map(tuple)
_word = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="="), min_size=1, max_size=8)
_digest = st.binary(max_size=4).map(digest.of)
_config = st.builds(
    Config,
    platform=st.one_of(st.sampled_from(platform.ALL), st.builds(Platform, _word, _text, _word)),
    created=_text,
    user=_text,
    env=st.lists(st.tuples(_word, _text), max_size=4).map(tuple),
    entrypoint=_texts,
    cmd=_texts,
    workdir=_text,
    labels=st.dictionaries(_text, _text, max_size=4),
    ports=st.sets(_word, max_size=4).map(lambda ports: tuple(sorted(ports))),
    stop_signal=_text,
    diff_ids=st.lists(_digest, max_size=3).map(tuple),
    history=st.lists(st.builds(History, _text, _text, _text, st.booleans()), max_size=3).map(tuple),
)
FULL = Config(
    platform=Platform("arm64", "v8"),
    created="2026-01-02T03:04:05Z",
    user="65532:65532",
    env=(("PATH", "/usr/bin"), ("A", "b=c")),
    entrypoint=("/usr/bin/node",),
    cmd=("server.js", ""),
    workdir="/app",
    labels={"b": "ü", "a": "</x>"},
    ports=("3000/tcp", "53/udp"),
    stop_signal="SIGINT",
    diff_ids=(digest.of(b"1"), digest.of(b"2")),
    history=(History("one", "2026-01-02T03:04:05Z", "first"), History("two", empty=True)),
)


@given(_config)
def test_what_is_written_is_read_back(one: Config) -> None:
    assert config.read(config.render(one)) == one


@given(_config)
def test_the_bytes_are_canonical(one: Config) -> None:
    data = config.render(one)
    document = json.loads(data)
    assert json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode() == data
    assert config.render(replace(one, labels=dict(reversed(list(one.labels.items()))))) == data


def test_the_bytes_are_these() -> None:
    """config.md, 'Example', with the members in the order of their names."""
    one, two = FULL.diff_ids
    assert config.render(FULL).decode() == (
        '{"architecture":"arm64","config":{"Cmd":["server.js",""],"Entrypoint":["/usr/bin/node"],'
        '"Env":["PATH=/usr/bin","A=b=c"],"ExposedPorts":{"3000/tcp":{},"53/udp":{}},"Labels":{"a":"</x>","b":"ü"},'
        '"StopSignal":"SIGINT","User":"65532:65532","WorkingDir":"/app"},"created":"2026-01-02T03:04:05Z",'
        '"history":[{"comment":"first","created":"2026-01-02T03:04:05Z","created_by":"one"},'
        '{"created_by":"two","empty_layer":true}],"os":"linux",'
        f'"rootfs":{{"diff_ids":["{one}","{two}"],"type":"layers"}},"variant":"v8"}}'
    )


def test_what_is_not_said_is_not_written() -> None:
    data = config.render(Config(Platform("amd64")))
    assert json.loads(data) == {
        "architecture": "amd64",
        "os": "linux",
        "rootfs": {"type": "layers", "diff_ids": []},
    }


def test_null_is_nothing() -> None:
    run = dict.fromkeys(("User", "Env", "Entrypoint", "Cmd", "WorkingDir", "Labels", "ExposedPorts", "StopSignal"))
    document: dict[str, object] = {
        "architecture": "amd64",
        "os": "linux",
        "rootfs": {"diff_ids": []},
        "created": None,
        "history": None,
    }
    cases: tuple[dict[str, object], ...] = ({"config": run}, {"config": None}, {})
    for more in cases:
        assert config.read(json.dumps(document | more).encode()) == Config(Platform("amd64"))


def test_argv_is_entrypoint_and_command() -> None:
    assert FULL.argv == ("/usr/bin/node", "server.js", "")


def test_a_variable_without_a_value_is_empty() -> None:
    document = json.loads(config.render(FULL))
    document["config"]["Env"] = ["A", "=B"]
    assert config.read(json.dumps(document).encode()).env == (("A", ""), ("", "B"))


GOOD = json.loads(config.render(FULL))
BAD: dict[str, object] = {
    "a list": [],
    "a number": 5,
    "nothing": None,
    "no architecture": {**GOOD, "architecture": None} | {"os": 5},
    "no os": {key: value for key, value in GOOD.items() if key != "os"},
    "no rootfs": {key: value for key, value in GOOD.items() if key != "rootfs"},
    "an architecture that is no text": {**GOOD, "architecture": 5},
    "a variant that is no text": {**GOOD, "variant": ["v8"]},
    "a time that is no text": {**GOOD, "created": 1700000000},
    "a configuration that is a list": {**GOOD, "config": [1]},
    "a user that is a number": {**GOOD, "config": {"User": 1000}},
    "variables that are no list": {**GOOD, "config": {"Env": {"A": "b"}}},
    "a variable that is no text": {**GOOD, "config": {"Env": [5]}},
    "an entrypoint that is no list": {**GOOD, "config": {"Entrypoint": "/bin/x"}},
    "a command that is no text": {**GOOD, "config": {"Cmd": [["x"]]}},
    "labels that are a list": {**GOOD, "config": {"Labels": ["a"]}},
    "a label that is no text": {**GOOD, "config": {"Labels": {"a": 5}}},
    "a label with half a character": {**GOOD, "config": {"Labels": {"a": "\ud800"}}},
    "ports that are a number": {**GOOD, "config": {"ExposedPorts": 80}},
    "diff_ids that are no digests": {**GOOD, "rootfs": {"diff_ids": ["sha256:abc"]}},
    "diff_ids that are a text": {**GOOD, "rootfs": {"diff_ids": "sha256:abc"}},
    "a history that is no list of tables": {**GOOD, "history": ["x"]},
    "a history by a number": {**GOOD, "history": [{"created_by": 5}]},
}


@pytest.mark.parametrize("summary", BAD)
def test_another_shape_is_refused(summary: str) -> None:
    with pytest.raises(FormatError, match=r"cannot read (image configuration|digest): "):
        config.read(json.dumps(BAD[summary]).encode())


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"{", id="half of it"),
        pytest.param(b"\xff\xfe", id="no text"),
        pytest.param(b"[" * 200_000, id="very deep"),
        pytest.param(b"9" * 5000, id="a number without end"),
    ],
)
def test_what_is_no_json_is_refused(data: bytes) -> None:
    with pytest.raises(FormatError, match="cannot read image configuration: "):
        config.read(data)


@given(st.integers(0, len(config.render(FULL)) - 1), st.binary(max_size=3), st.integers(0, 4))
def test_damage_gives_format_errors_and_nothing_else(place: int, new: bytes, gone: int) -> None:
    data = config.render(FULL)
    try:
        one = config.read(data[:place] + new + data[place + gone :])
    except FormatError:
        return
    assert config.read(config.render(one)) == replace(one, ports=tuple(sorted(one.ports)))


def test_digests_are_of_the_type() -> None:
    assert config.read(config.render(FULL)).diff_ids == (Digest(digest.of(b"1")), digest.of(b"2"))
