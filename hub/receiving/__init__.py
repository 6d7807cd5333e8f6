"""Receiving 接收: what nodes hand over comes in, is checked, signed by both sides and received.

A batch goes `arriving` → `checking` → `under_review` → a verdict → both signatures → `received`.
Offers and papers come as entries of a node's stream; large packages through `uploads`.
"""
