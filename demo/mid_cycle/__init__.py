"""The scenario of one customer: a severity-one case is open and the plan is upgraded in mid-cycle. Each step is failed in turn."""
