"""A change of clerk 经办人交接: one account closes, what it had in hand goes to another.

Both sign the inventory 交接清册, and a witness; when the first has left already, the leader signs.
"""
