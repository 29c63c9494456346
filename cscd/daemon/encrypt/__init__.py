"""A call of Encrypt: what it asks for, what it is answered, and what happens in between.

What is where, each module mostly using those before it:

============  ======================================================================================
`codes`       what a call of Encrypt is answered
`flags`       what its flags ask for
`attendant`   telling a caller of the items
`operation`   one such call under way
`calls`       what the bus and the core say to each other: callers, sinks, the core itself
`encryption`  Encrypt, from the call to the answer
============  ======================================================================================
"""
