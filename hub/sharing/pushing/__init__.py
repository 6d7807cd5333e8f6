"""Pushing 推送: what is new in a consumer's feed is brought to its address (Standard Webhooks).

The same entries as the feed's, on the same terms, in the same order; each at least once.
"""
