"""What the server does, told apart from how it is asked (transports) and where it is kept (storage)."""
