"""Why customers leave: departures and who tells them, what customers think,
who is likely to leave.
"""
