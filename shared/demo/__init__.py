"""The demo city: a hub and four nodes as processes of their own, and a scenario that fills them.

It drives the same command and the same web interface that people use, and knows neither the hub
nor the nodes from inside. At the end it reads their databases itself and compares them.
"""
