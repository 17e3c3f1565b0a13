"""Tokens and OAuth."""
