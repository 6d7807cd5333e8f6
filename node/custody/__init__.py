"""Handing a whole fonds over to another node 全宗交接, and taking one over.

One writer at any time: the giving node stops writing, both sign the inventory, the hub assigns.
"""
