"""Files, databases and ledgers → checked tables; every value traceable to file and row."""
