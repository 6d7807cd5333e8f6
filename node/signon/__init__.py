"""Signing in through the hub 通过市级平台登录, and what remains of it without net.

The hub says who somebody is and what they may do with this node's fonds; the node asks again and
again what has become of those whom it knows, and ends what the hub has ended.
"""
