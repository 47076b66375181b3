"""The open register as linked data: DCAT-AP 3, CPSV-AP 3.2."""
