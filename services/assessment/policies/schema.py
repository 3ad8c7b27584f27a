"""The policy document's JSON Schema, for editors that help people write one: `python -m` this module writes it."""

import json
from pathlib import Path

from services.assessment.policies.document import PolicyFile

FILE = Path(__file__).with_name("policy.schema.json")


def text() -> str:
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **PolicyFile.model_json_schema()}
    return json.dumps(schema, ensure_ascii=False, indent=2, sort_keys=True) + "\n"


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
