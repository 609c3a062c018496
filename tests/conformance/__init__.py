"""One suite of behaviours over every adapter, each against its real server with the same faults in between."""
