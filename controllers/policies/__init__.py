"""Policies that act shift by shift: the environments they act in, how they are taught, kept and compared."""
