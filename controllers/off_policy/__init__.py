"""Off-policy evaluation: the gain of another policy, estimated from logs alone."""
