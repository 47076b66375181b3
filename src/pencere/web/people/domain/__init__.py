"""What can be done with accounts and visits; views and jobs call these."""
