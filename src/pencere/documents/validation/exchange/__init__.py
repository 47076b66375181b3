"""Evidence containers of exchanges of data: docs/specs/evidence-container.md."""
