"""The contract as exported, and every operation through every transport."""
