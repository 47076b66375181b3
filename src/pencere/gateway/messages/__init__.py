"""Messages that must arrive: taken over durably, delivered once, proved by receipts."""
