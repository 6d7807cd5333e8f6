"""What the archives keep: packages, unchanged, each beside the receipt under which it came in.

Each archive has its own root in the object store, which can be read without Danglian, and from
which the database can be rebuilt. Verdicts, receipts and the accession register lie there too.
All of it is read again on a schedule, and has a copy in a second store where one is set.
"""
