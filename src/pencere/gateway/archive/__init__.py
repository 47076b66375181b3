"""What left the log: files of exchanges, the chain of their manifests. docs/specs/archive.md."""
