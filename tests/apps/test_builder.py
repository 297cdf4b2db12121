"""What an app is written in is seen from its files."""

import pytest
from tests.apps.conftest import Make

from nosh.apps import builder
from nosh.values.errors import InputError


def test_a_package_json_is_a_node_app(make: Make) -> None:
    app = make({"package.json": '{"name": "x"}', "index.js": ""})
    found = builder.detect(app)
    assert found.kind == "node"
    plan = found.plan(app)
    assert (plan.kind, plan.name) == ("node", "x")


@pytest.mark.parametrize(
    "files",
    [
        pytest.param({}, id="an empty folder"),
        pytest.param({"index.js": "", "go.mod": ""}, id="other files"),
        pytest.param({"package.json/x": ""}, id="a folder of that name"),
        pytest.param({"sub/package.json": "{}"}, id="a mark further down"),
    ],
)
def test_what_is_no_app_is_refused_with_what_is_looked_for(make: Make, files: dict[str, str]) -> None:
    with pytest.raises(InputError, match="it is no app that nosh knows") as caught:
        builder.detect(make(files))
    assert "package.json" in caught.value.hint
    assert "nosh.toml" in caught.value.hint
