"""The register as everybody may see it: parts, search, graph, statistics."""
