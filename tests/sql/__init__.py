"""The tables, macros and rules of sql/: literal rows in, literal rows out."""
