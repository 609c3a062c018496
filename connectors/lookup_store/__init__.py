"""The look-up store in Redis or Valkey."""
