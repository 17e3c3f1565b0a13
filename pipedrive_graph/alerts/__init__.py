"""Tells people at once what cannot wait for a report: by webhook or e-mail, each thing once."""
