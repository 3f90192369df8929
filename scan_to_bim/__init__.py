"""The comparison: a scan and a model in, a verdict with evidence for every element out."""
