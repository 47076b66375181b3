"""What happens to slots and bookings."""
