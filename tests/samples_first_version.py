"""A recommendation that version 0.1.0 wrote."""

import json
from pathlib import Path
from typing import Any

OLD = Path(__file__).with_name("recommendation_v1.json")
OLD_DIGEST = "b090ca95833d8bc489932149f97a4378191a73d77b0ea54cd30d2b51f067a963"
"""As ledgers of version 0.1.0 have it: SHA-256 of the JSON with sorted keys and without spaces."""

V1: dict[str, Any] = json.loads(OLD.read_text())
