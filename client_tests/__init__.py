"""Everything that is proved from the outside, over real sockets."""
