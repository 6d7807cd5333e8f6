"""Export 导出: what the archives keep, copied out in a form that needs no Danglian.

Any selection as packages of one form, or the whole repository as it is; it goes on where it was
broken off. The folder that is written explains and proves itself.
"""
