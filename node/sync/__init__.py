"""The agent that talks to the hub: greets, sends the up stream, takes in the down stream, uploads.

The only room of the node that needs the network; all the others work with the hub away.
"""
