"""What travels between systems and nodes. docs/specs/gateway-protocol.md, node-link.md."""
