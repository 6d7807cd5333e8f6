"""到哪了: how far each record of this node has come, and whether the PC can be switched off.

Everything here is read: from the records, the cursor and the log of the up stream, the hub's
acknowledgements, refusals, verdicts and receipts. What is not known is said to be not known.
"""
