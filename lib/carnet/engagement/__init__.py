"""The engagement file and what it may say: table schemas, sector profiles, the firm,
periods, databases.
"""
