"""What is done once before the roles start, in a process of its own that ends afterwards.

Each step may be repeated: a start that was cut off anywhere is completed by the next one.
"""
