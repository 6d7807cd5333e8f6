"""Sharing 共享: what others may see of the archives' holdings, decided and written down by a job.

Default closed. Each archive says what it shares; readers, feed and publications only read what was
decided, and never ask the clock.
"""
