"""Parcels 邮包: what hub and nodes tell each other, on a stick or disc, where no line leads.

Carries the same signed messages as a link, through the same doors; packages travel with them.
"""
