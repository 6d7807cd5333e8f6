"""Handing a whole fonds over from one keeping node to another 全宗交接 (protocol §5).

The hub proposes, carries what travels between the nodes, and assigns when both units have signed.
"""
