"""Drafts: a first facility file and import map from a table or log; every guess is marked."""

from replay_data.draft.sketch import Draft, draft

__all__ = ["Draft", "draft"]
