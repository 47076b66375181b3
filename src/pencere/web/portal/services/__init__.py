"""Every service, and the page of one."""
