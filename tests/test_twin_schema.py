"""The published JSON schema of facility files is that of the code."""

import json
from pathlib import Path

from twin import Facility

PUBLISHED = Path(__file__).parent.parent / "docs" / "facility.schema.json"


def test_the_published_schema_is_that_of_the_code():
    assert json.loads(PUBLISHED.read_text()) == Facility.model_json_schema()
