"""Outcomes: what accepted recommendations really brought, and whether promises are kept."""
