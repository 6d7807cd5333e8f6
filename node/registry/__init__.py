"""收文、发文、内部文件登记: what comes in and goes out, with its files, until it is closed 办结.

From there it goes to file (`node.filing`), or is not kept, returned, or kept elsewhere.
"""
