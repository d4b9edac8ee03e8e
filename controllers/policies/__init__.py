"""Policies that act every shift: their environments, training, storage and comparison."""
