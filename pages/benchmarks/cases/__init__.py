"""Cases: the answers behind a number, one by one."""
