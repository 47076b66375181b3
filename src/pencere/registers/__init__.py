"""The register engine: records of the state with their versions, keys, disclosure, and proof.

What a register holds, who may see which of it and why is data (`countries/<code>/registers`).
"""
