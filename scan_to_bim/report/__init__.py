"""What a comparison leaves behind: JSON, a table, a page, and coloured models and issues in open formats."""
