"""What can be done with applications and cases; views and jobs call these, keyword-only."""
