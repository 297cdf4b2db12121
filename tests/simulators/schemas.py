"""The published schemas of what `--format json` prints."""

import json
from pathlib import Path

import jsonschema

FOLDER = Path(__file__).parents[2] / "docs" / "reference" / "schemas"


def check(document: dict[str, object]) -> None:
    """Hold a document against the schema that it names (JSON Schema, draft 2020-12)."""
    family, name, version = str(document["schema"]).split("/")
    assert family == "nosh"
    schema = json.loads((FOLDER / f"{name}-{version}.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(schema).validate(document)
