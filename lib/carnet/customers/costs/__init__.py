"""What a company costs, and who pays for whom."""
