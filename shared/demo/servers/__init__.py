"""The real servers of `danglian demo --stack full`: private ones, on free ports, ended with it."""
