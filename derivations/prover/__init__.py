"""The checkers: each decides one kind of statement, and says so when it cannot."""
