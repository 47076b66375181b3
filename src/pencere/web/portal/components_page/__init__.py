"""The components of the pages, each with its states: /components."""
