"""How the centre comes to its keys: the ceremony, from one file that people have approved."""
