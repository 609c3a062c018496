"""Where a target does not show what the owner says: rules, differences, intents."""
