"""The access review: freezes who has access, collects the owners' decisions, and keeps both permanently."""
