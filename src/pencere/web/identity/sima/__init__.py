"""SİMA at the portal: operations, the two addresses its application calls, the QR code."""
