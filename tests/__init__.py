"""Tests; they mirror the rooms. tests/scenarios: one fact a file, its name is the fact."""
