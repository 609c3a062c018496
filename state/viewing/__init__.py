"""What goes out about an account: records, change events, exceptions, milestones."""
