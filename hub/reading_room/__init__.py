"""利用: what an archive gives out of its records to those who may use them.

Certified copies 档案复制件证明: issued, kept among the archive's papers, withdrawn, listed. Whoever
is shown one verifies it by its code (`hub.sharing.lookup`).
"""
