"""How hub and node tell each other facts so that none is lost, doubled or altered.

`log` is the sending end of a stream, `inbox` the receiving end, `envelope` what is signed,
`exchange` the conversation with one peer, `link` the port to whatever carries the bytes.
The rules, and the way of losing data that each one answers, stand in the modules.
"""
