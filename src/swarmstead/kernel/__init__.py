"""Words every room uses: errors, ids, time, scope, money, hashing. Imports nothing of ours."""
