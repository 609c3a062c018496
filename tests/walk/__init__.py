"""The newcomer's walk of docs/onboarding-walk.md, run as it is written."""
