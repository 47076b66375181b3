"""National certification centre: certificates, status, time-stamps, mobile signing, seals."""
