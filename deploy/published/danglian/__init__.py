"""The name under which programs of others import what Danglian gives them.

`hub`, `node` and `shared` are ours, and may change with every version. What stands here does not,
within a major version.
"""
