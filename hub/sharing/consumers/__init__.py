"""Consumers 共享应用: programs of other bodies that read what is shared, on approved terms.

Who they are, for what purpose, how much and until when; their tokens (OAuth 2.0); what they asked.
"""
