"""The service on the message bus, where every caller is a stranger.

What is where, each module mostly using those before it:

===============  ===================================================================================
`frame`          a message on the bus as bytes
`gate`           the socket to the bus, which lets in what is expected
`connection`     one connection to the bus
`peer`           who calls
`interface`      what is on the bus, as data
`introspection`  the same as XML
`refusal`        the answer to a broken call
`properties`     what can be read of the object
`notifications`  progress that is told without waiting
`progress`       the sink of a call
`agents`         who asks people for passphrases
`methods`        what the methods do
`reception`      calls as they come; who asks too much is turned away
`authority`      polkit, which knows administrators
`bus`            the service's place on the bus
===============  ===================================================================================
"""
