"""Deletes what must not be kept any longer: what is older than a day, a person, a company.

Nothing is changed in place. The landing and the journal are written once more without what is to go, into a
folder of the home; warehouse, published file and reports are made from them; then everything is exchanged by
renames, from a list that is written first. So a `forget` that is killed is undone or finished by the next.
"""
