"""Correcting 更正: an archive changes the description of what it has received, asked or by itself.

Requests come as entries of a node's stream; the corrected description is kept beside the package,
which stays as it was received, and goes down to the node's mirror.
"""
