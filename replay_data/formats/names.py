"""Channel names derived from names of process variables."""

import re


def channel_names(sources: list[str]) -> list[str]:
    """A run-log name for each source name, in order: lower-case letters, digits and underscores, all different."""
    taken: dict[str, int] = {}
    names = []
    for source in sources:
        name = re.sub(r"[^a-z0-9]+", "_", source.lower()).strip("_") or "channel"
        name = name if name[0].isalpha() else f"c_{name}"
        while name in taken:
            taken[name] += 1
            name = f"{name}_{taken[name]}"
        taken[name] = 1
        names.append(name)
    return names
