"""What happens to every request, from the outside in: see settings/base.py for the order."""
