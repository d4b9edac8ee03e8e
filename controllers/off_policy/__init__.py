"""Off-policy evaluation: what another policy would have brought, from logs alone."""
