"""Policies in Cedar: reading and checking them, judging a call by them, and replaying past calls against them."""
