"""业务系统归档: an office system (OA) hands in what it has finished, with metadata and files.

What comes is registered as closed (`node.registry`), filed where the system knows class and
retention (`node.filing`), and told about ever after: filed, offered, returned and why, received.
"""
