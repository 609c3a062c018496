"""Crash tests on the real stack: kill -9, frozen zombies, double starts, components that die."""
