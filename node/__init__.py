"""A node: the record room (档案室) of one office, or of several.

Clerks register, file and hand over here, also while the line to the hub is down.
"""
