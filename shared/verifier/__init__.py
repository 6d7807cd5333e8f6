"""The verifier 验证程序: whether a receipt is genuine, and whether files are those it names.

It stands alone, so that it also runs as one file where no Danglian is (`make verifier`): of all
that is not here it uses Python itself, `shared.kernel.canonical` and `shared.kernel.der`.
"""
