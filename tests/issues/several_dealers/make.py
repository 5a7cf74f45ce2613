"""Two dealers in a sheet that is read for one."""

OPTIONS = {"dealer": "SH01"}
