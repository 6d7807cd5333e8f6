"""运行情况: how the whole platform stands, and everything in it that does not move by itself.

Each room names its own stuck states (its `doctor.py`); here they are put together, for the page,
for `danglian hub status` and for `danglian hub doctor`.
"""
