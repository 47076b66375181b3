"""The gateway (E-hökumət şlüzü): every exchange of data between state bodies.

One process a node. It carries messages and never reads them: who may ask whom for what comes
from the signed directory, each message is signed, durably logged at both ends before anybody
is answered, and shown to the person it is about.

    wire        what travels: identifiers, heads, envelopes, signatures, faults
    http        HTTP/1.1 server and client on callbacks, no task a message
    directory   the signed directory and the rights in it
    log         the durable log: one writer, batches, time-stamps, who looked at my data
    exchange    the two roles of a node: consumer side and provider side
    node        one running node; `sandbox` runs two for developers
"""
