"""Applications and cases: from the first answer to the last effect. docs/explanation/cases.md."""
