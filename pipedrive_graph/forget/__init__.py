"""Deletes data that must not be kept: data older than a date, a person, or a company.

Nothing is changed in place. The landing and the journal are copied without the deleted data into a staging
folder in the home; the warehouse, the published file and the reports are rebuilt from them; then renames put
everything in place, following a list that is written first. So the next `forget` undoes or finishes one that
was killed.
"""
