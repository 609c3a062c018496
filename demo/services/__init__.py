"""The demo company's ERP and support desk as HTTP services over their own databases: loopback only.

Both answer GET and PUT by reference. A PUT is conditional (If-Match: the version that was read, or If-None-Match: *),
sets only the fields that its body names, and is carried out once per Idempotency-Key: key, change and answer are one
transaction. `/control/faults` switches delay, 429, 500 and broken connections; `/control/effects` counts what was done.
"""
