"""The configuration: the TOML files in the home folder, loaded once per command and handed down as values."""
