"""The archivist's desk 审核: findings beside fields and files, accept or return, conclude a batch.

Works on `hub.receiving`: what is decided here are drafts until a batch is concluded.
"""
