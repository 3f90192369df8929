"""The plan: tasks, what they mean for elements, and how far they are by the evidence of scans."""
