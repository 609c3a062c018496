"""Tests of the dataflows room."""
