"""The officer's desk: queue, case, team, audit, authors' page. Pages over the data apps."""
