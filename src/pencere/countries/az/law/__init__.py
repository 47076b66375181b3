"""Rules of the law of Azerbaijan as pure functions over the dated parameters beside them."""
