"""Who belongs to the city's platform: divisions, archives, fonds 全宗, agreements, nodes, keys.

The lowest room of the hub. It says which node keeps a fonds, which archives review and receive
it, and who may see what of it.
"""
