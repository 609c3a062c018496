"""Billing products with schemas of their own, and the business facts that both are told."""
