"""The access review: who has access is frozen, decided by those who answer for it, and kept for good."""
