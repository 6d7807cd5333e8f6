"""Appraisal 鉴定 of what an archive keeps when its retention has ended: kept longer, or destroyed.

Somebody draws up the list, another approves, two more watch; a loop then does what was decided.
"""
