"""State register of information resources and systems.

İnformasiya resursları və sistemlərinin dövlət reyestri. What is not registered cannot talk:
the gateway's signed directory is made from this register.
"""
