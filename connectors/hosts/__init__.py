"""The processes of one flow on several hosts: they meet, agree, start together, and notice when one of them is gone."""
