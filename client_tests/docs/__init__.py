"""The client pages (`docs/clients`), proved: their code is taken out of the markdown and run."""
