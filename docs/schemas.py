"""Write the published JSON schemas beside this file, from the models that read the files: `make schemas`."""

import json
from pathlib import Path

from controllers.recommendation import Recommendation
from twin import Facility

for name, model in (("facility", Facility), ("recommendation", Recommendation)):
    path = Path(__file__).with_name(f"{name}.schema.json")
    path.write_text(json.dumps(model.model_json_schema(), indent=1) + "\n", encoding="utf-8")
    print(f"Written: {path.name}")
