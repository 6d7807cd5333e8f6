"""Who this node is: its enrolment at the hub, the fonds 全宗 it keeps, its keys and folders.

The lowest room of the node; every other capability asks it for the fonds and for the grant.
"""
