"""What everything else stands on: errors, actor, clock, settings, database, keys.

Knows nothing of archives. Nothing in here imports another part of Danglian.
"""
