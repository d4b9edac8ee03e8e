"""A first facility file and import map, sketched from a table or log that a user has: every guess is marked."""

from replay_data.draft.sketch import Draft, draft

__all__ = ["Draft", "draft"]
