"""Transfer 移交: batches of filed records, offered to the archive, and what became of them.

From `offered` on a record is frozen here until the archive's verdict; with the archive's receipt
its custody has passed, and what stays is a read-only mirror.
"""
