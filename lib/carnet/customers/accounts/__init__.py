"""Accounts: what every table knows of a customer, its strategy, capital and potential."""
