"""Corrections 更正: what the unit asks its archive to correct in a record that it handed over.

The copy here is a mirror: a request goes up, and what comes down again is the archive's answer.
"""
