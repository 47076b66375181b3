"""The registration authority's desk: applications, acts, certificates, officers."""
