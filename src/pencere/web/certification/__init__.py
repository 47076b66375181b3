"""The certification centre as office and portal see it: its registration authority over HTTP."""
