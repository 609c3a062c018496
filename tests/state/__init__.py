"""Tests of the state room: pure, by generated inputs."""
