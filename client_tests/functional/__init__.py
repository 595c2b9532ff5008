"""Over real sockets."""
