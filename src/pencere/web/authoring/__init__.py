"""Drafts of services, proposals, published versions. The pages are in `office.authoring`."""
