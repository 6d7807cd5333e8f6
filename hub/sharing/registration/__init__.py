"""Registering data services 服务登记 with the provincial platform, through a plug-in of its own.

An archive proposes what it serves and approves it; what is approved is sent until the platform
has it, and its state there is asked for from time to time.
"""
