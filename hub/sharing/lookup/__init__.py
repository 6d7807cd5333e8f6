"""Services for other platforms: is a paper genuine 核验, does a record exist 查证.

Both answer about one thing that the asker names, and brake whoever tries names out.
"""
