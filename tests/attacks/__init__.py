"""Attacks on a whole home folder: commands killed at random system calls, and files damaged at random.

`python -m attacks` in tests/ plays as many as it is asked to and prints the figures that SECURITY.md states;
`test_kills.py` and `test_damages.py` play a number of them as slow tests. An attack is repeated by its seed.
"""
