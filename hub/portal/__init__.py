"""The portal 门户 on the internet: opened records for everybody, in an installation of its own.

It knows no hub: bundles are carried to it one way, and it trusts the one key that it was given.
"""
