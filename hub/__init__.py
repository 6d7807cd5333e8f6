"""The hub: the city's platform, which hosts its archives.

It keeps the one catalogue, receives what the record rooms hand over, and shares what is open.
"""
