"""The controllers: one file each, one line each in `table`. Nothing but `manager` imports the table."""
