"""The Socket.IO namespaces: thin shells over the dispatcher."""
