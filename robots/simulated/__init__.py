"""Robots that obey the same contract as real ones, without hardware."""
