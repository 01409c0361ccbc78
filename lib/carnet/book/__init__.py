"""The opened engagement: typed tables, orders and the customer × month cube,
on whatever engine holds them.
"""
